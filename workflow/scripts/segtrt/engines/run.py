"""Running engines: their probabilities on every slice of a shard, and their latency."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from segtrt.data.shards import Shard, write_shard
from segtrt.engines.budget import TimingBudget
from segtrt.engines.record import EngineRecord, check_engine, read_record
from segtrt.engines.timing import measure, published_line
from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.machine import gpu
from segtrt.machine.cpu import available_cores
from segtrt.machine.facts import refuse_other_machine, this_machine
from segtrt.progress import track
from segtrt.runtimes.base import Images, Session
from segtrt.runtimes.registry import get_runtime

PROBABILITIES_FORMAT = "segtrt-probabilities-1"
TIMING_FORMAT = "segtrt-timing-1"

logger = logging.getLogger(__name__)


def open_engine(
    engine: Path, record: EngineRecord, *, threads: int | None = None, mode: str = "stream"
) -> Session:
    """Load an engine after checking that it is the recorded one and fits this machine.

    Args:
        engine: the engine file.
        record: its record.
        threads: CPU threads of a CPU engine, None for all cores.
        mode: `stream`, `graph` or `overlapped` on a GPU.

    Raises:
        SegtrtError: the engine is missing, damaged, unsupported, or for another machine.
    """
    if record.status != "built":
        raise SegtrtError(
            f"engine {record.name} was left out when it was to be built: {record.reason}"
        )
    check_engine(engine, record)
    runtime = get_runtime(record.runtime)
    availability = runtime.availability()
    if not availability.can_run:
        raise SegtrtError(f"engine {engine} cannot run here: {availability.reason}")
    misfit = runtime.misfit(record.target)
    if misfit:
        raise SegtrtError(
            f"engine {engine} was {misfit}; run the workflow on this machine to build its own"
        )
    return runtime.load(engine, record.settings, threads=threads, mode=mode)


def run_engine(
    engine: Path,
    record_path: Path,
    tensor_shard: Path,
    out: Path,
    *,
    threads: int | None = None,
    mode: str = "stream",
) -> None:
    """Write an engine's probabilities on the slices of one shard.

    The file has `probabilities`, (N, 256, 256) float32 in 0..1, in the order of the shard, and the
    shard's index. For an engine that is unsupported it has no rows and the status `unsupported`.

    Args:
        engine: the engine file.
        record_path: its record.
        tensor_shard: shard with `images`, (N, 3, 256, 256) float32.
        out: the file to write.
        threads: CPU threads of a CPU engine, None for all cores.
        mode: `stream`, `graph` or `overlapped` on a GPU.

    Raises:
        SegtrtError: the engine or the shard cannot be used.
    """
    record = read_record(record_path)
    tensors = {"probabilities": ("F32", (256, 256))}
    metadata = {"format": PROBABILITIES_FORMAT, "engine": record.name, "status": record.status}
    if record.status != "built":
        with write_shard(out, tensors, [], {**metadata, "reason": record.reason}):
            return
    with ExitStack() as stack:
        shard = stack.enter_context(Shard(tensor_shard))
        writer = stack.enter_context(write_shard(out, tensors, shard.index, metadata))
        if len(shard) == 0:
            return
        _check_machine(record)
        session = stack.enter_context(open_engine(engine, record, threads=threads, mode=mode))
        size = session.batch_size
        starts = range(0, len(shard), size)
        batches = (shard.rows("images", start, start + size) for start in starts)
        results = session.run_batches(batches)
        for found in track(results, f"running {record.name}", len(starts), "batches"):
            writer.append("probabilities", found[:, 0])


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

    The file has the start-up in stages (`load_stages_ms`) and whether kernels compiled earlier were
    found (`warm_start`, null where nothing is compiled at the start), `memory_mib`, the number of
    CPU threads (null on a GPU), the machine it was measured on, the GPU's clocks, temperature and
    power before and after (null on a CPU), and `timing` (`TimingResult`); for an unsupported engine
    these are null.

    Args:
        engine: the engine file.
        record_path: its record.
        tensor_shards: shards to take slices from, in order; if they have fewer than a batch, the
            slices repeat.
        out_json: the file to write.
        budget: when warm-up and timing end.
        threads: CPU threads of a CPU engine, None for all cores.
        mode: `stream`, `graph` or `overlapped` on a GPU.

    Raises:
        SegtrtError: the engine or the shards cannot be used.
    """
    record = read_record(record_path)
    figures: dict[str, Any] = {
        "format": TIMING_FORMAT,
        "runtime": record.runtime,
        "batch_size": record.settings.batch_size,
        "precision": str(record.settings.precision),
        "status": record.status,
        "reason": record.reason,
        "mode": None,
        "threads": None,
        "machine": None,
        "load_stages_ms": None,
        "memory_mib": None,
        "warm_start": None,
        "gpu_before": None,
        "gpu_after": None,
        "timing": None,
    }
    if record.status == "built":
        _check_machine(record)
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
            figures |= {
                "mode": session.mode,
                "threads": (threads or available_cores()) if on_cpu else None,
                "machine": describe_machine(record.runtime),
                "load_stages_ms": dict(session.load_stages_ms),
                "memory_mib": session.memory_mib(),
                "warm_start": session.warm,
                "gpu_before": before.to_json() if before else None,
                "gpu_after": after.to_json() if after else None,
                "timing": result.to_json(),
            }
        logger.info(published_line(result.batch_size, result.iterations, result.total.mean))
        if not result.stable:
            logger.warning("%s: times are unstable: %s", record.name, result.unstable_reason)
    write_json(out_json, figures)


def _check_machine(record: EngineRecord) -> None:
    """Stop before loading an engine of another machine; some would run, and mislead."""
    refuse_other_machine(record.target, get_runtime(record.runtime).target())


def first_slices(tensor_shards: Sequence[Path], count: int) -> Images:
    """The first `count` slices of the shards, over and over if there are fewer.

    Returns:
        (count, 3, 256, 256) float32.

    Raises:
        SegtrtError: the shards have no slice at all.
    """
    parts: list[Images] = []
    missing = count
    for path in tensor_shards:
        if missing == 0:
            break
        with Shard(path) as shard:
            rows = shard.rows("images", 0, missing)
        if len(rows):
            parts.append(rows)
            missing -= len(rows)
    if not parts:
        raise SegtrtError(
            "there is no slice to time an engine on: all tensor shards are empty; check "
            "dataset.subjects"
        )
    slices = np.concatenate(parts)
    return np.tile(slices, (ceil(count / len(slices)), 1, 1, 1))[:count]


def describe_machine(runtime_name: str) -> dict[str, Any]:
    """The machine that figures were measured on: device and versions, CPU and its cores here."""
    here = this_machine()
    target = get_runtime(runtime_name).target(here)
    return {**here.cpu_facts(), "cores": available_cores(), **target}
