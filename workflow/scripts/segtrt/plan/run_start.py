"""What a run does before its first job: it takes its lock and removes what killed runs left."""

from collections.abc import Iterable
from pathlib import Path

from segtrt.errors import os_errors_in_one_line
from segtrt.plan import run_lock
from segtrt.plan.removal import describe_sweep, remove, sweep_leftovers
from segtrt.plan.store import TIMING_CACHES, cache_root

CLEANING = ("clean_engines", "clean_results", "clean_cache")
"""Rules that take the lock for themselves alone, or need none."""


def start_run(
    base: Path, rules: Iterable[str], unused: Iterable[Path] = (), prefix: str = ""
) -> list[str]:
    """Take the run's lock until this process ends, and remove leftovers.

    A run of clean targets alone does neither.

    Args:
        base: the working directory.
        rules: rules of the jobs to be run; a workflow that uses this one as a module may have put
            a prefix before their names.
        unused: temporary outputs, whole or not, that no job to come reads. They are removed unless
            another run or a job is at work in this folder.
        prefix: what Snakemake puts before every path, where the workflow is part of another.

    Returns:
        At most one line, which says what was removed.

    Raises:
        SegtrtError: a clean target is at work in this folder, or the lock's file cannot be made.
    """
    if all(rule.endswith(CLEANING) for rule in rules):
        return []
    with os_errors_in_one_line():
        is_first = run_lock.join(base)
    cache = cache_root()
    results = base / f"{prefix}results"
    done = sweep_leftovers([results, *([cache / TIMING_CACHES] if cache else [])])
    if is_first:
        for path in unused:
            remove(path, done)
    return describe_sweep(done)
