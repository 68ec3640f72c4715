"""Timing an engine on real slices."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segtrt.data.first_slices import first_slices
from segtrt.engines.budget import TimingBudget
from segtrt.engines.load import check_machine, open_engine
from segtrt.engines.record import read_record
from segtrt.engines.timing import measure, published_line
from segtrt.engines.timing_file import EngineTiming
from segtrt.machine import gpu
from segtrt.machine.cpu import available_cores
from segtrt.machine.facts import this_machine
from segtrt.runtimes.registry import get_runtime

logger = logging.getLogger(__name__)


def time_engine(
    engine: Path,
    record_path: Path,
    tensor_shards: Sequence[Path],
    out_json: Path,
    *,
    budget: TimingBudget,
    threads: int | None = None,
    mode: str = "stream",
) -> None:
    """Time an engine on a batch of real slices and write the figures as JSON.

    Args:
        engine: the engine file.
        record_path: its record.
        tensor_shards: shards to take slices from, in order; if they have fewer than a batch, the
            slices repeat.
        out_json: the file to write, an `EngineTiming`.
        budget: when warm-up and timing end.
        threads: CPU threads of a CPU engine, None for all cores.
        mode: `stream`, `graph` or `overlapped` on a GPU.

    Raises:
        SegtrtError: the engine or the shards cannot be used.
    """
    record = read_record(record_path)
    outcome = EngineTiming(
        runtime=record.runtime,
        batch_size=record.settings.batch_size,
        precision=str(record.settings.precision),
        status=record.status,
        reason=record.reason,
    )
    if record.status == "built":
        check_machine(record)
        images = first_slices(tensor_shards, record.settings.batch_size)
        on_cpu = get_runtime(record.runtime).device == "cpu"
        with open_engine(engine, record, threads=threads, mode=mode) as session:
            before = None if on_cpu else gpu.snapshot()
            result = measure(
                lambda: session.time_batch(images),
                batch_size=session.batch_size,
                budget=budget,
            )
            after = None if on_cpu else gpu.snapshot()
            slowdown = gpu.slowdown_between(before, after)
            if result.stable and slowdown:
                result = replace(result, stable=False, unstable_reason=slowdown)
            outcome = replace(
                outcome,
                mode=session.mode,
                threads=(threads or available_cores()) if on_cpu else None,
                machine=describe_machine(record.runtime),
                load_stages_ms=dict(session.load_stages_ms),
                memory_mib=session.memory_mib(),
                warm_start=session.warm,
                gpu_before=before.to_json() if before else None,
                gpu_after=after.to_json() if after else None,
                timing=result,
            )
        logger.info(published_line(result.batch_size, result.iterations, result.total.mean))
        if not result.stable:
            logger.warning("%s: times are unstable: %s", record.name, result.unstable_reason)
    outcome.write(out_json)


def describe_machine(runtime_name: str) -> dict[str, Any]:
    """The machine that figures were measured on: device and versions, CPU and its cores here."""
    here = this_machine()
    target = get_runtime(runtime_name).target(here)
    return {**here.cpu_facts(), "cores": available_cores(), **target}
