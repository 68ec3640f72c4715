"""The rules against their scripts, logs, benchmarks, environments and the plan."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from real_plan import real_workflow
from segtrt.runtimes.registry import all_runtimes
from snakemake.io import get_wildcard_names
from snakemake.rules import Rule
from snakemake_runs import run_snakemake

Edges = set[tuple[str, str]]

WITHOUT_PLAN = {
    *("all", "blame", "check", "clean_cache", "clean_engines", "clean_results", "describe_machine"),
    *("describe_machines", "explain", "note_changes", "verify"),
}
"""Rules that make no artefact with a key."""

ON_A_GPU = {
    *("build_engine", "run_engine", "time_engine", "run_reference", "time_reference", "train"),
    *("describe_machine", "rebuild_engine", "time_preparation", "time_region"),
}
"""Rules whose jobs go to a certain machine or may take its GPU."""


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the Snakefile defines, with every rule there is."""
    config = {"dataset": {"source": "kaggle"}}
    with real_workflow(tmp_path_factory.mktemp("rules"), config) as found:
        yield found


@pytest.fixture(scope="module")
def rules(names: dict[str, Any]) -> dict[str, Rule]:
    """The rules as Snakemake has read them."""
    return {rule.name: rule for rule in names["workflow"].rules}


def plain(path: object) -> str:
    """A path with its wildcards as `{name}` alone."""
    return re.sub(r"\{(\w+),[^{}]*\}", r"{\1}", str(path))


def test_rule_script_log_and_benchmark_bear_one_name(
    rules: dict[str, Rule], project_root: Path
) -> None:
    scripts = set()
    for name, rule in rules.items():
        if rule.script:
            assert rule.script == f"../scripts/{name}.py"
            scripts.add(name)
        logs = [plain(path) for path in rule.log]
        assert len(logs) == int(bool(rule.script or rule.shellcmd)), f"{name} has no log"
        benchmarks = [plain(rule.benchmark)] if rule.benchmark else []
        for path in logs:
            assert re.fullmatch(rf"(results/)?logs/{name}(\{{at\}}|/.*)?\.log", path), path
        for path in benchmarks:
            assert path.startswith(f"results/benchmarks/{name}/"), path
        # Wildcards that tell jobs apart tell their logs and benchmarks apart as well.
        wildcards = {one for path in rule.output for one in get_wildcard_names(str(path))}
        for path in (*logs, *benchmarks):
            assert get_wildcard_names(path) == wildcards, path
    assert {path.stem for path in (project_root / "workflow/scripts").glob("*.py")} == scripts


def test_every_rule_that_makes_an_artefact_is_declared_whole(
    names: dict[str, Any], rules: dict[str, Rule]
) -> None:
    """Each says what it makes, uses and is decided by, and hands that to its job."""
    plan = names["PLAN"]
    assert rules.keys() - plan.rules.keys() == WITHOUT_PLAN
    for name, declared in plan.rules.items():
        rule = rules[name]
        assert list(rule.input.keys()) == [*declared.uses, "changes"]
        assert [pattern.plain for pattern in declared.outputs] == [plain(p) for p in rule.output]
        assert declared.parts is not None
        assert "plan" in rule.params.keys()  # noqa: SIM118 - a list of values with names
    assert not any("plan" in rules[name].params.keys() for name in WITHOUT_PLAN)  # noqa: SIM118
    assert plan.temporary_rules == ["run_engine"]


def test_jobs_ask_for_memory_time_and_the_gpu(
    names: dict[str, Any], rules: dict[str, Rule]
) -> None:
    local = names["workflow"]._localrules
    for name, rule in rules.items():
        asked = {each for each in rule.resources if not each.startswith("_")} - {"tmpdir"}
        usual = set() if name in local or name == "all" else {"mem_mb", "runtime"}
        assert asked == usual | ({"gpu"} if name in ON_A_GPU else set()), name


def test_fetching_is_a_rule_for_a_download_alone(tmp_path: Path) -> None:
    with real_workflow(tmp_path) as found:
        assert "fetch_dataset" not in {rule.name for rule in found["workflow"].rules}


def test_scripts_are_thin(project_root: Path) -> None:
    for path in (project_root / "workflow/scripts").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 50, path.name
        assert text.startswith('"""'), path.name


def test_every_runtime_has_its_environment(rules: dict[str, Rule], project_root: Path) -> None:
    for name in (*all_runtimes(), "cpu", "mlflow"):
        assert (project_root / f"envs/{name}.yaml").is_file()
    used = {rule.conda_env for rule in rules.values() if rule.script or rule.shellcmd}
    folder = str(project_root / "envs").replace("{", "{{").replace("}", "}}")
    names = ("cpu", "mlflow", "{runtime}")
    assert used == {f"{folder}/{name}.yaml" for name in names}


def drawn_edges(dot: str) -> Edges:
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', dot))
    return {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", dot)}


@pytest.mark.parametrize("source", ["demo", "kaggle"])
def test_the_plans_edges_are_snakemakes(project_root: Path, tmp_path: Path, source: str) -> None:
    """What the plan takes for a job's inputs is what the rules say; nothing more, nothing less."""
    done = run_snakemake(
        tmp_path,
        "results/report.html",
        "results/training/weights.safetensors",
        "--rulegraph",
        "--config",
        f"dataset={{source: {source}}}",
        snakefile=project_root / "Snakefile",
    )
    assert done.returncode == 0, done.stderr
    with real_workflow(tmp_path, {"dataset": {"source": source}}) as names:
        edges = {*names["PLAN"].edges("write_report"), *names["PLAN"].edges("train")}
    assert drawn_edges(done.stdout) == edges


def test_lint_finds_nothing(project_root: Path, tmp_path: Path) -> None:
    done = run_snakemake(tmp_path, "--lint", snakefile=project_root / "Snakefile")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Congratulations" in done.stdout + done.stderr


def test_formatting_of_rules(project_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow/rules"],
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
