"""Reading the workflow writes nothing, in a fresh clone and in a folder with results."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fast_snakemake import FastSnakemake
from oracle.bench import jobs_in
from run_contents import sha256
from tiny_runs import write_inputs

READING = (
    ["results/report.html", "--dry-run"],
    ["explain", "--dry-run"],
    ["results/report.html", "--rulegraph"],
    ["results/report.html", "--summary"],
    ["--lint"],
)

Tree = dict[str, tuple[Any, ...]]


@pytest.fixture(scope="module")
def snakemake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastSnakemake]:
    with FastSnakemake(tmp_path_factory.mktemp("server") / "said.txt") as server:
        yield server


def tree(folder: Path) -> Tree:
    """Every file with its time, size and hash, and every folder; not what is Snakemake's own.

    Nor are the caches that Python itself keeps beside what it imports.
    """
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not {".snakemake", "__pycache__"} & set(name.parts):
            state = path.lstat()
            known = (state.st_mtime_ns, state.st_size, sha256(path)) if path.is_file() else ()
            found[name.as_posix()] = (state.st_mode, *known)
    return found


def read_all(snakemake: FastSnakemake, folder: Path, *options: str) -> list[str]:
    """Give every command that reads; returns what each says."""
    return [snakemake.run(folder, *command, *options) for command in READING]


def test_a_fresh_clone_stays_as_it_was(
    snakemake: FastSnakemake, project_root: Path, tmp_path: Path
) -> None:
    if not (project_root / ".git").exists():
        pytest.skip("not a git checkout")
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "--quiet", "--no-hardlinks", str(project_root), str(clone)], check=True
    )
    before = tree(clone)
    assert len(before) > 300
    planned, *_ = read_all(snakemake, clone)
    assert ("write_report", "") in jobs_in(planned)
    assert tree(clone) == before


def test_reading_from_an_empty_folder_leaves_it_empty(
    snakemake: FastSnakemake, project_root: Path, tmp_path: Path
) -> None:
    read_all(snakemake, tmp_path, "--snakefile", str(project_root / "Snakefile"))
    assert tree(tmp_path) == {}


def test_results_stay_as_they_were_current_or_not(
    snakemake: FastSnakemake, project_root: Path, tmp_path: Path
) -> None:
    settings = write_inputs(tmp_path / "inputs")
    settings["engines"] |= {"runtimes": ["openvino"], "precisions": ["fp32"]}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    folder = tmp_path / "run"
    folder.mkdir()
    options = ["--snakefile", str(project_root / "Snakefile")]
    options += ["--configfile", str(tmp_path / "settings.yaml")]
    snakemake.run(folder, "results/report.html", *options, "--cores", "2")
    before = tree(folder)
    assert "results/report.html" in before and "results/keys/write_report/all.json" in before
    planned, *_ = read_all(snakemake, folder, *options)
    assert jobs_in(planned) == set()
    assert tree(folder) == before

    # Out of date, with a lost file and new times: what is noticed is printed, not written down.
    (folder / "results/scores/openvino/b2_fp32.json").unlink()
    for path in folder.rglob("results/**/*"):
        os.utime(path)
    before = tree(folder)
    planned, *_ = read_all(snakemake, folder, *options, "--config", "model={opset: 18}")
    assert ("export_onnx", "") in jobs_in(planned)
    assert tree(folder) == before


def test_the_comparison_notices_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    before = tree(tmp_path)
    os.utime(tmp_path / "a", (1, 1))
    touched = tree(tmp_path)
    (tmp_path / "empty").mkdir()
    assert before != touched != tree(tmp_path)


def test_a_command_of_its_own_writes_nothing_either(project_root: Path, tmp_path: Path) -> None:
    """As a user gives it, in a Python of its own."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet"]
    command += ["--snakefile", str(project_root / "Snakefile")]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert tree(tmp_path) == {}
