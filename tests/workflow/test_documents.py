"""The documents: commands that can be given, links that lead somewhere, fresh figures."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from example_cases import CASES
from example_summaries import make_example
from snakemake_runs import run_snakemake

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").glob("*.md"))]
RUN_ELSEWHERE = {"your_images.md", "your_network.md"}
"""Documents whose commands a test of their own runs, on files that it makes."""


def commands() -> list[tuple[str, str]]:
    """Document and line of every command that a console block shows."""
    found = []
    for path in DOCUMENTS:
        if path.name in RUN_ELSEWHERE:
            continue
        for block in re.findall(r"```console\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            lines = re.findall(r"^\$ (.*?)(?:  +#.*)?$", block, re.MULTILINE)
            found += [(path.name, line) for line in lines]
    return list(dict.fromkeys(found))


def project() -> dict[str, dict[str, object]]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the documents' commands find what they name."""
    folder = tmp_path_factory.mktemp("commands")
    shutil.copytree(PROJECT / "config", folder / "config")
    demo = PROJECT / "data/demo/kaggle_3m/DEMO_0001"
    patients = [folder / "my_data" / name for name in ("patient_a", "patient_b")]
    for patient in patients:
        patient.mkdir(parents=True)
    shutil.copytree(demo, folder / "data/train/DEMO_0001")
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        for path in sorted(demo.glob("*_1*.tif")):
            archive.write(path, f"kaggle_3m/DEMO_0001/{path.name}")
            for patient in patients:
                shutil.copy(path, patient / path.name.replace("DEMO_0001", patient.name))
    return folder


def test_there_are_commands_of_each_kind() -> None:
    readme = [line.split()[0] for name, line in commands() if name == "README.md"]
    assert readme.count("make") == 2
    assert {"make", "snakemake", "segtrt"} <= set(readme)


@pytest.mark.parametrize(("document", "line"), commands())
def test_every_command_can_be_given(document: str, line: str, workplace: Path) -> None:
    words = shlex.split(line)
    program, arguments = words[0], words[1:]
    if program == "snakemake":
        dry = [] if "-n" in arguments else ["-n"]
        # Targets first: many options would swallow them.
        done = run_snakemake(workplace, *arguments, *dry, snakefile=PROJECT / "Snakefile")
        # A data set of the reader's own is not here; that is all that may be wrong.
        missing = "does not exist; set dataset.path" in done.stderr and "path:" in line
        assert done.returncode == 0 or missing, done.stdout + done.stderr
    elif program == "make":
        made = subprocess.run(
            ["make", "-n", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
    elif program == "segtrt":
        reported = segtrt_help(arguments[0])
        for option in re.findall(r"(?:^| )(--?[a-z][a-z-]*)", line):
            assert option in reported
    elif program.startswith("tools/"):
        script = PROJECT / program
        assert os.access(script, os.X_OK)
        if script.suffix == ".sh":
            subprocess.run(["bash", "-n", str(script)], check=True)
    elif program.endswith("python") and arguments[:3] == ["-m", "pip", "install"]:
        extras = re.findall(r"\.\[([\w,-]+)\]", line)
        known = project()["project"]["optional-dependencies"]
        assert isinstance(known, dict)
        files = re.findall(r"-r (\S+)", line)
        assert extras or files
        assert all((PROJECT / name).is_file() for name in files)
        assert {name for names in extras for name in names.split(",")} <= set(known)
    else:
        assert program in (".", "apt-get", "python"), f"{document}: an unknown kind of command"


def segtrt_help(command: str) -> str:
    code = "import sys; from segtrt.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, command, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if re.match(r"https?://", target):
            continue
        assert (path.parent / target).exists(), target


def test_generated_parts_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "tools/write_docs.py", "--check"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun: make docs"


def test_the_readme_shows_results_and_rules() -> None:
    text = (PROJECT / "README.md").read_text("utf-8")
    table = text.split("<!-- results: begin -->")[1].split("<!-- results: end -->")[0]
    for runtime in ("PyTorch eager", "ONNX Runtime", "OpenVINO"):
        assert len(re.findall(rf"^\| {runtime} \| \d+ \| (?:FP32|INT8) \| [\d.]+ \|", table, re.M))
    picture = text.split("<!-- rules: begin -->")[1].split("<!-- rules: end -->")[0]
    assert "fetch_dataset --> " in picture
    assert re.search(r"\bsummarise --> (?:\w+ & )*write_report\b", picture)
    assert len(text.splitlines()) < 200


def rows_of(table: str) -> list[list[str]]:
    """The cells of a Markdown table's rows, headings left out."""
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("name", ["demo", "cluster"])
def test_results_come_from_a_summary(name: str, tmp_path: Path) -> None:
    sys.path.insert(0, str(PROJECT / "tools"))
    try:
        import write_docs
    finally:
        sys.path.pop(0)
    summary = make_example(CASES[name](), tmp_path)
    table = write_docs.results_table(summary)
    rows = rows_of(table)
    timed = [engine for engine in summary["engines"] if engine["timing"]]
    ways = [way for one in summary["machines"] for way in (one, *one["baselines"])]
    assert len(rows) == len(timed) + sum(len(way["timings"]) for way in ways)
    (chosen,) = [row for row in rows if row[-1].endswith("recommended")]
    best = next(one for one in timed if one["name"] == summary["recommendation"]["engine"])
    assert chosen[1:3] == [str(best["batch_size"]), best["precision"].upper()]
    assert chosen[3:6] == [
        f"{best['timing']['total']['median']:.1f}",
        f"{best['timing']['images_per_second']:.1f}",
        f"{best['quality']['mean']:.4f}",
    ]
    assert rows[0][0].startswith("PyTorch eager")
    assert rows[0][5] == f"{best['quality']['reference_mean']:.4f}"
    for machine in summary["machines"]:
        facts = machine["facts"]
        assert (facts.get("gpu") or facts["cpu"]) in table.splitlines()[-1]
        assert len(summary["machines"]) == 1 or f"on {machine['name']} |" in table
    readme = write_docs.documents(tmp_path / "summary.json")[PROJECT / "README.md"]
    assert table in readme


def test_the_design_names_every_rule_that_makes_a_file() -> None:
    design = (PROJECT / "docs/design.md").read_text("utf-8")
    files = sorted((PROJECT / "workflow/rules").iterdir())
    rules = "\n".join(path.read_text("utf-8") for path in files if path.stem != "upkeep")
    makers = [
        text.split(":")[0]
        for text in re.split(r"^ *rule ", rules, flags=re.MULTILINE)[1:]
        if "output:" in text
    ]
    assert "build_engine" in makers
    assert [name for name in makers if f"| `{name}` |" not in design] == []


def test_one_version_everywhere() -> None:
    version = project()["project"]["version"]
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == version
    assert citation["license"] == project()["project"]["license"] == "Apache-2.0"
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    entries = re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)
    assert entries[0] == (version, citation["date-released"])
    assert "Apache License" in (PROJECT / "LICENSE").read_text("utf-8")
