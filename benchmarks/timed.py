"""Running Snakemake under the clock, and naming what it ran on."""

import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from segtrt.machine.cpu import available_cores

ROOT = Path(__file__).resolve().parent.parent


class Took(NamedTuple):
    """What a command took."""

    wall_s: float
    cpu_s: float
    """Processor time, which other work on the machine does not stretch."""


def middle(runs: list[Took], digits: int = 1) -> dict[str, float]:
    """Medians of some runs."""
    return {
        "wall_s": round(statistics.median(run.wall_s for run in runs), digits),
        "cpu_s": round(statistics.median(run.cpu_s for run in runs), digits),
    }


def snakemake(folder: Path, *arguments: str) -> Took:
    """Run Snakemake in `folder`.

    Args:
        folder: the working directory.
        arguments: a target, if there is one, and then options.

    Raises:
        RuntimeError: it failed.
    """
    targets = [name for name in arguments[:1] if not name.startswith("-")]
    where = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return run("snakemake", *targets, *where, *arguments[len(targets) :])


def run(program: str, *arguments: str) -> Took:
    """Run a program of this environment.

    Raises:
        RuntimeError: it failed.
    """
    begin, used = time.perf_counter(), os.times()
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        env={**os.environ, "SEGTRT_CACHE": "off"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stdout[-3000:])
    now = os.times()
    cpu = now.children_user + now.children_system - used.children_user - used.children_system
    return Took(time.perf_counter() - begin, cpu)


def describe_machine() -> dict[str, Any]:
    """The machine, how busy it is, and the versions that planning rests on."""
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": available_cores(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "snakemake": version("snakemake"),
    }
