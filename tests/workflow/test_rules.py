"""The rules against their scripts, logs, benchmarks, environments and the plan."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from segtrt.config.resolve import resolve_config
from segtrt.engines.matrix import make_matrix
from segtrt.machine.facts import this_machine
from segtrt.plan.hash_cache import HashCache
from segtrt.plan.pipeline import Pipeline
from segtrt.plan.sources import digest_dataset, digest_weights
from segtrt.runtimes.registry import all_runtimes, get_runtime
from snakemake_runs import run_snakemake

Edges = set[tuple[str, str]]


def rules(root: Path) -> dict[str, str]:
    """Name -> text of every rule with an action."""
    found: dict[str, str] = {}
    for file in [*sorted((root / "workflow/rules").glob("*.smk"))]:
        text = file.read_text(encoding="utf-8")
        parts = re.split(r"^ *rule (\w+):\n", text, flags=re.MULTILINE)
        found |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return found


def test_rule_script_log_and_benchmark_bear_one_name(project_root: Path) -> None:
    scripts = set()
    for name, text in rules(project_root).items():
        script = re.search(r'"\.\./scripts/(\w+)\.py"', text)
        if script:
            assert script[1] == name
            scripts.add(name)
        log = re.search(r'log:\s+"(?:results/)?logs/(\w+)(?:{at})?[./]', text)
        assert log, f"{name} has no log"
        assert log[1] == name
        benchmark = re.search(r'benchmark:\s+"results/benchmarks/(\w+)/', text)
        assert benchmark is None or benchmark[1] == name
        # Wildcards that tell jobs apart tell their logs and benchmarks apart as well.
        wildcards = set(
            re.findall(r"(?<!{){(\w+)", "".join(re.findall(r"output:(.*?)log:", text, re.DOTALL)))
        )
        for folder in ("logs", "benchmarks"):
            path = re.search(rf'"results/{folder}/([^"]*)"', text)
            if path and wildcards - {"shard", "sample"}:
                assert wildcards - {"sample"} <= set(re.findall(r"{(\w+)", path[1])), name
    assert {path.stem for path in (project_root / "workflow/scripts").glob("*.py")} == scripts


def test_scripts_are_thin(project_root: Path) -> None:
    for path in (project_root / "workflow/scripts").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 50, path.name
        assert text.startswith('"""'), path.name


def test_every_runtime_has_its_environment(project_root: Path) -> None:
    for name in (*all_runtimes(), "cpu"):
        assert (project_root / f"envs/{name}.yaml").is_file()
    used = {
        name
        for text in rules(project_root).values()
        for name in re.findall(r'conda:\s+environment\("([^"]+)"\)', text)
    }
    assert used == {"cpu", "{runtime}"}


def plan(root: Path, tmp_path: Path, **groups: Any) -> Pipeline:
    given = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    for name, settings in groups.items():
        given[name] = {**given[name], **settings}
    config = resolve_config(given)
    cache = HashCache(tmp_path / "hashes.json")
    return Pipeline(
        config,
        make_matrix(config, get_runtime, {"": this_machine()}),
        digest_dataset(config.dataset, root, cache),
        digest_weights(config.model, root, cache),
        get_runtime,
    )


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
    pipeline = plan(project_root, tmp_path, dataset={"source": source})
    assert drawn_edges(done.stdout) == set(pipeline.edges())


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
