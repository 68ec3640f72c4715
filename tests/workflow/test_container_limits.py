"""A dry run in a container with less than the machine: jobs are given what it has."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

IN_CONTAINER = """
import os, sys
from pathlib import Path
from segtrt.machine import cgroup
cgroup.GROUPS, cgroup.MOUNT = Path("proc").absolute(), Path("groups").absolute()
os.sched_getaffinity = lambda pid: set(range(8))
import snakemake.cli, snakemake.utils
snakemake.cli.available_cpu_count = snakemake.utils.available_cpu_count = lambda: 8
snakemake.cli.main(sys.argv[1:])
"""


@pytest.mark.parametrize(("quota", "threads"), [("300000 100000", 3), ("max 100000", 8)])
def test_threads_and_memory_are_the_containers(
    project_root: Path, tmp_path: Path, quota: str, threads: int
) -> None:
    (tmp_path / "proc").write_text("0::/\n")
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups/cpu.max").write_text(quota)
    (tmp_path / "groups/memory.max").write_text("1200000000")
    done = subprocess.run(
        [
            *(sys.executable, "-c", IN_CONTAINER, "results/report.html", "-n"),
            *("--snakefile", str(project_root / "Snakefile"), "--directory", "."),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project_root / "workflow/scripts")},
        text=True,
        capture_output=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    jobs = re.findall(r"^rule time_engine:\n(?:    .*\n)+", said, re.MULTILINE)
    assert jobs
    assert {int(n) for job in jobs for n in re.findall(r"threads: (\d+)", job)} == {threads}
    asked = {int(mb) for mb in re.findall(r"mem_mb=(\d+)", said)}
    assert max(asked) == 1200
    lines = [line for line in said.splitlines() if line.startswith("segtrt: this container")]
    assert lines == [
        "segtrt: this container has "
        + (f"{threads} of 8 cores and " if threads < 8 else "")
        + "1.2 GB of memory for jobs"
    ]
