"""Building an engine once more, to see how far the second one is from the first.

A builder that times kernels on the device may choose others the next time. So an engine that is
built again is another engine: it may be as good, but it is not the one that was proven.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.engines.budget import TimingBudget
from segtrt.engines.build import build_engine
from segtrt.engines.rebuild_file import Built, Latency, Rebuild
from segtrt.engines.record import EngineRecord, read_record
from segtrt.engines.run import run_engine
from segtrt.engines.time import time_engine
from segtrt.engines.timing_file import read_timing
from segtrt.files import assembling_folder
from segtrt.quality.answers import copy_labels
from segtrt.quality.differing import Differences
from segtrt.quality.scores import Errors

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conditions:
    """How engines are run and timed; the same for both."""

    decoding: Mapping[str, Any]
    """How outputs become labels (`segtrt.engines.answering.decoder_of`)."""
    raw_bytes: int
    """How much of a shard's raw outputs is compared, in bytes."""
    budget: TimingBudget
    threads: int | None
    """CPU threads of a CPU engine, None for all cores."""
    mode: str
    """`stream`, `graph` or `overlapped` on a GPU."""


@dataclass(frozen=True)
class EngineFile:
    """An engine and its record."""

    engine: Path
    record: Path

    @classmethod
    def within(cls, folder: Path) -> "EngineFile":
        """The files of an engine in a folder."""
        return cls(folder / "engine.bin", folder / "engine.json")


def rebuild_engine(
    proven: EngineFile,
    graph: Path,
    tensors: Sequence[Path],
    out_json: Path,
    out_labels: Sequence[Path],
    *,
    target: Mapping[str, Any],
    code: str,
    conditions: Conditions,
) -> None:
    """Build an engine's graph once more, run both engines on all images, time both, compare.

    The build has neither a store nor a timing cache, and its engine is deleted in the end: what is
    kept is the figures, and the labels for the metric.

    Args:
        proven: the engine as it was built and proven.
        graph: the ONNX graph that it was built from.
        tensors: prepared images, shard by shard.
        out_json: the file to write, a `Rebuild`.
        out_labels: for each shard, the new engine's labels (`segtrt.quality.answers`), without raw
            outputs.
        target: the device and versions to build for, as planned.
        code: fingerprint of the code that builds.
        conditions: how both are run and timed.

    Raises:
        SegtrtError: a file cannot be used, or this is not the machine to build on. A build that is
            refused this time is an outcome, not an error.
    """
    before = read_record(proven.record)
    shards = list(zip(tensors, out_labels, strict=True))
    with assembling_folder(out_json) as folder:
        new = EngineFile.within(folder)
        if before.status == "built":
            after = _build(new, before, graph, target=target, code=code)
        else:
            after, new = before, proven
        reason, built = after.reason, None
        if after.status == "built":
            errors, equal = _answers(proven, new, shards, folder, conditions)
            built = Built(
                engine_sha256=after.engine_sha256,
                engine_bytes=after.engine_bytes,
                same_bytes=after.engine_sha256 == before.engine_sha256,
                build_ms=after.build_ms,
                proven_latency=_latency(proven, tensors, folder, conditions),
                latency=_latency(new, tensors, folder, conditions),
                errors=errors,
                equal_patches=equal,
            )
        else:
            for shard, labels in shards:
                _run(new, shard, labels, conditions)
    Rebuild(before.name, before.engine_sha256, reason, built).write(out_json)
    if built:
        logger.info(
            "%s: the rebuilt engine has %s bytes; %d of %d outputs are equal",
            before.name,
            "the same" if built.same_bytes else "other",
            built.equal_patches,
            built.errors.patches,
        )


def _build(
    new: EngineFile, before: EngineRecord, graph: Path, *, target: Mapping[str, Any], code: str
) -> EngineRecord:
    return build_engine(
        before.runtime,
        before.settings,
        graph,
        new.engine,
        new.record,
        network=before.network,
        target=target,
        code=code,
        cache_dir=None,
        on_unsupported="skip",
    )


def _answers(
    proven: EngineFile,
    new: EngineFile,
    shards: Sequence[tuple[Path, Path]],
    folder: Path,
    conditions: Conditions,
) -> tuple[Errors, int]:
    """Run both engines shard by shard; returns the new one's errors and equal patches."""
    differences = Differences()
    ours, theirs = folder / "new.safetensors", folder / "proven.safetensors"
    for shard, labels in shards:
        _run(proven, shard, theirs, conditions)
        _run(new, shard, ours, conditions)
        differences.add(shard, theirs, ours)
        copy_labels(shard, ours, labels)
    for path in (ours, theirs):
        path.unlink(missing_ok=True)
    return differences.figures()


def _run(which: EngineFile, shard: Path, out: Path, conditions: Conditions) -> None:
    run_engine(
        which.engine,
        which.record,
        shard,
        out,
        decoding=conditions.decoding,
        raw_bytes=conditions.raw_bytes,
        threads=conditions.threads,
        mode=conditions.mode,
    )


def _latency(
    which: EngineFile, tensors: Sequence[Path], folder: Path, conditions: Conditions
) -> Latency:
    out = folder / "timing.json"
    time_engine(
        which.engine,
        which.record,
        tensors,
        out,
        budget=conditions.budget,
        threads=conditions.threads,
        mode=conditions.mode,
    )
    timing = read_timing(out).timing
    assert timing is not None  # as the engine was built
    return Latency(timing.total.median, timing.stable)
