"""Snakemake's cores and memory for jobs on this machine, kept within what it may use of it."""

import os
from typing import Any

from segtrt.machine.cgroup import memory_limit
from segtrt.machine.cpu import available_cores


def keep_within_machine(workflow: Any) -> list[str]:
    """Lower Snakemake's cores to a container's quota, and let jobs' memory add up to what there is.

    Snakemake counts the cores that its processes may run on, but not the share of their time that a
    container has; where it was given all of them, they become those of the quota. Another number on
    the command line stays, as does a limit on memory. Nothing is done where jobs run elsewhere, or
    within a job.

    Args:
        workflow: Snakemake's `workflow`.

    Returns:
        A line if the container allows less than the machine has, for the user.
    """
    if not workflow.is_main_process or workflow.non_local_exec:
        return []
    from snakemake.utils import available_cpu_count

    limits = workflow.global_resources
    allowed, every = available_cores(), available_cpu_count()
    lowered = []
    if workflow.resource_settings.cores == every and allowed < every:
        limits["_cores"] = allowed
        lowered.append(f"{allowed} of {every} cores")
    machine, container = _machine_bytes(), memory_limit()
    memory = min((one for one in (machine, container) if one), default=None)
    if memory and "mem_mb" not in limits:
        limits["mem_mb"] = memory // 10**6
        if memory != machine:
            lowered.append(f"{memory / 1e9:.1f} GB of memory")
    return [f"this container has {' and '.join(lowered)} for jobs"] if lowered else []


def _machine_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
