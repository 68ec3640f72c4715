"""Running Snakemake as a user does: in a process of its own, in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path


def run_snakemake(
    folder: Path, *arguments: str, snakefile: Path | None = None, store: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in `folder` without the user's store; output and errors come as text.

    Args:
        folder: the working directory.
        arguments: targets before options: many options would swallow a target after them.
        snakefile: whose workflow; None takes the Snakefile in `folder`.
        store: a folder to keep results in by key; None keeps none.
    """
    command = [sys.executable, "-m", "snakemake", *arguments]
    if snakefile:
        command += ["--snakefile", str(snakefile), "--directory", str(folder)]
    environment = {**os.environ, "SEGTRT_CACHE": str(store or "off"), "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=folder, env=environment, text=True, capture_output=True, check=False
    )


def job_counts(message: str) -> dict[str, int]:
    """Rule -> number of jobs, from the table that a dry run ends with."""
    table = message.rsplit("Job stats:", 1)[-1]
    return {
        name: int(count)
        for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)
        if name != "total"
    }


def engines_listed(message: str) -> set[str]:
    """The engines whose building a dry run lists."""
    return set(
        re.findall(r"results/engines/([a-z_]+(?:@\w+)?/b\d+_[a-z0-9]+)/engine\.bin", message)
    )
