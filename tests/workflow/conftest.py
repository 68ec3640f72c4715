"""Fixtures of the workflow tests."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from snakemake_runs import run_snakemake


@pytest.fixture(scope="session")
def clone(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone of the repository."""
    if not (project_root / ".git").exists():
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("clone") / "segtrt"
    subprocess.run(["git", "clone", "--quiet", str(project_root), str(folder)], check=True)
    return folder


@pytest.fixture
def dry_run(project_root: Path, tmp_path: Path) -> Callable[[Sequence[str]], str]:
    """A dry run of this checkout's workflow in an empty folder; returns what it printed."""

    def run(arguments: Sequence[str]) -> str:
        done = run_snakemake(
            tmp_path,
            "results/report.html",
            "-n",
            *arguments,
            snakefile=project_root / "Snakefile",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
