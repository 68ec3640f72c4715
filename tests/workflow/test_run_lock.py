"""Cleaning under a run of the real Snakemake, which takes no lock for a target without outputs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from real_failures import LIBRARY
from snakemake_runs import run_snakemake

SNAKEFILE = f"""
import sys

sys.path.insert(0, {str(LIBRARY)!r})
from segtrt.plan.job import share_library
from segtrt.plan.run_start import start_run

share_library()

rule slow:
    output: "results/slow"
    shell: "touch results/begun; exec sleep 30"

rule quick:
    output: "results/quick"
    shell: "touch {{output}}"

rule clean_results:
    log: "logs/clean_results.log"
    params: folder=""
    script: {str(LIBRARY / "clean_results.py")!r}

onstart:
    for line in start_run(Path(), [job.rule.name for job in workflow.dag.needrun_jobs()]):
        print(f"segtrt: {{line}}", file=sys.stderr)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def test_a_clean_target_is_refused_under_a_run_and_works_when_that_was_killed(folder: Path) -> None:
    assert run_snakemake(folder, "quick", "-c1").returncode == 0
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "slow", "-c1"],
        cwd=folder,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not (folder / "results/begun").exists():
            assert time.monotonic() < deadline and run.poll() is None
            time.sleep(0.05)
        refused = run_snakemake(folder, "clean_results", "-c1")
        assert refused.returncode == 1
        assert f"segtrt: nothing was removed, for a run is going on in {folder}" in refused.stderr
        assert f"(process {run.pid})" in refused.stderr and "Traceback" not in refused.stderr
        assert (folder / "results/quick").exists()
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(10)
    cleaned = run_snakemake(folder, "clean_results", "-c1")
    assert cleaned.returncode == 0
    assert "removed results/ (begun, quick), 0 bytes freed" in cleaned.stdout
    assert not (folder / "results").exists()


def test_a_dry_run_takes_no_lock_and_cleaning_nothing_is_no_error(folder: Path) -> None:
    assert run_snakemake(folder, "slow", "-n").returncode == 0
    assert not (folder / ".snakemake/segtrt.lock").exists()
    cleaned = run_snakemake(folder, "clean_results", "-c1")
    assert (cleaned.returncode, cleaned.stdout) == (0, "removed results/, 0 bytes freed\n")


def test_what_a_killed_job_left_is_reported_at_the_next_start(folder: Path) -> None:
    (folder / "results").mkdir()
    (folder / "results/.quick.abcd1234.part").write_bytes(bytes(2048))
    done = run_snakemake(folder, "quick", "-c1")
    assert done.returncode == 0
    assert "segtrt: removed 1 leftover of a killed job, 2.0 KiB freed\n" in done.stderr
    assert sorted(path.name for path in (folder / "results").iterdir()) == ["quick"]
