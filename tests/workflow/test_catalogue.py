"""What catalogues, containers and continuous integration find: it all leads to the workflow."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake_runs import job_counts, run_snakemake

PROJECT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_the_workflow_is_where_catalogues_look_for_it(tmp_path: Path) -> None:
    """Both Snakefiles come to the same jobs; a dry run of the one inside begins as any does."""
    counts = []
    for snakefile in ("Snakefile", "workflow/Snakefile"):
        profile = ["--workflow-profile", str(PROJECT / "profiles/default")]
        done = run_snakemake(
            tmp_path, "results/report.html", "-n", *profile, snakefile=PROJECT / snakefile
        )
        assert done.returncode == 0, done.stdout + done.stderr
        counts.append(job_counts(done.stdout))
        assert re.search(r"^\d+ jobs to run$", done.stderr, re.MULTILINE)
    assert counts[0] == counts[1]
    assert counts[0]["build_engine"] > 1


def test_the_standard_files_are_there() -> None:
    catalogue = yaml.safe_load((PROJECT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))
    usage = catalogue["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    assert usage["software-stack-deployment"]["conda"] is True
    # What it says of conda and of the report is so.
    rules = "".join(path.read_text("utf-8") for path in (PROJECT / "workflow/rules").glob("*.smk"))
    assert rules.count("    conda:\n") == len(re.findall(r"^ *rule \w+:", rules, re.MULTILINE))
    assert "report(" in rules
    assert (PROJECT / "config/README.md").is_file()
    assert (PROJECT / "config/config.yaml").samefile(PROJECT / "config.yaml")


def test_continuous_integration_runs_what_one_runs_by_hand() -> None:
    assert {path.stem for path in WORKFLOWS} == {"docs", "release", "tests"}
    commands = [
        step["run"]
        for path in WORKFLOWS
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    made = {command.removeprefix("make ") for command in commands if command.startswith("make ")}
    assert made == {"audit", "docs", "site", "test", "test-all", "wheel"}
    assert made <= TARGETS
    others = {command for command in commands if not command.startswith("make ")}
    assert others == {"git diff --exit-code", "sudo tools/install_debian_packages.sh"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_of_github_follows_its_schema(path: Path) -> None:
    schema = ["--builtin-schema", "vendor.github-workflows"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_of_github_are_safe(tmp_path: Path) -> None:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if zizmor is None:
        pytest.skip("zizmor is missing: pip install -e '.[dev]'")

    def findings(folder: Path) -> subprocess.CompletedProcess[str]:
        command = [zizmor, "--offline", "--no-progress", "--no-config", str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = findings(PROJECT / ".github/workflows")
    assert done.returncode == 0, done.stdout + done.stderr
    # An action by a tag, which may be moved, is found.
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    text = re.sub(r"@[0-9a-f]{40}", "@v4", WORKFLOWS[-1].read_text("utf-8"))
    (folder / "tests.yml").write_text(text)
    assert findings(folder).returncode != 0


def test_the_container_holds_what_it_names() -> None:
    text = (PROJECT / "Containerfile").read_text("utf-8")
    named = re.findall(r"(?:tools|requirements)/[\w./-]+", text)
    assert len(named) == 2
    assert all((PROJECT / name).is_file() for name in named)
    python = re.search(r"^ARG PYTHON=([\d.]+)$", text, re.MULTILINE)
    assert python is not None
    assert python[1] == "3.11"
    ignored = (PROJECT / ".containerignore").read_text("utf-8").split()
    assert {".venv", "results"} <= set(ignored)
