"""What a region, or all of them, gains in low precision: engines timed against the float32 one."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.data.first_slices import first_slices
from segtrt.engines.budget import TimingBudget
from segtrt.engines.build import build_engine
from segtrt.engines.gain_file import Gain, PairedTimes
from segtrt.engines.load import check_machine, open_engine
from segtrt.engines.paired_timing import measure_pairs
from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.mixing import is_changed, mix
from segtrt.graphs.regions import Region
from segtrt.model.spec import NetworkSpec
from segtrt.precision import Graph, Precision
from segtrt.quality.sensitivity import Outcome
from segtrt.runtimes.description import BuildSettings

if TYPE_CHECKING:
    import onnx

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Builder:
    """How engines are built, for the time of one job."""

    runtime: str
    settings: BuildSettings
    """Of a float32 engine, with the patch."""
    network: NetworkSpec
    target: Mapping[str, Any]
    """The device and versions to build for (`Runtime.target`), as planned."""
    code: str
    """Fingerprint of the code that builds."""
    cache_dir: Path | None
    """Folder for caches of this machine."""

    def build(self, graph: Path, precision: Precision, engine: Path) -> EngineRecord:
        """Build the engine file `engine`; the record may say that it cannot be had.

        Raises:
            SegtrtError: as `segtrt.engines.build.build_engine`.
        """
        return build_engine(
            self.runtime,
            replace(self.settings, precision=precision),
            graph,
            engine,
            engine.with_suffix(".json"),
            network=self.network,
            target=self.target,
            code=self.code,
            cache_dir=self.cache_dir,
            on_unsupported="skip",
        )


@dataclass(frozen=True)
class Stopwatch:
    """How engines are timed."""

    tensors: Sequence[Path]
    """Shards of prepared images (`segtrt.data.prepared`)."""
    budget: TimingBudget
    threads: int | None
    """CPU threads of a CPU engine, None for all cores."""
    mode: str
    """`stream`, `graph` or `overlapped` on a GPU."""


def time_region(
    source: Path,
    regions: Sequence[Region],
    number: int | None,
    *,
    graph: Graph,
    converted: Path,
    obstacle: str,
    builder: Builder,
    stopwatch: Stopwatch,
) -> Gain:
    """Time one region, or all of them, in one precision.

    Both engines are built in a temporary folder and take turns; conversions at the region's borders
    are part of what is timed.

    Args:
        source: the normalised float32 graph.
        regions: its regions.
        number: which one, from 0; there may be no such region. None: all of them together.
        graph: the precision, by its graph.
        converted: that graph.
        obstacle: why there is no such graph; empty if there is one.
        builder: how engines are built.
        stopwatch: how they are timed.

    Raises:
        SegtrtError: a file cannot be used, or this is not the machine to build on.
    """
    batch = builder.settings.batch_size
    if number is not None and number >= len(regions):
        return Gain(builder.runtime, graph, number, "", batch, Outcome.EMPTY)
    name = "" if number is None else regions[number].name
    unknown = Gain(builder.runtime, graph, number, name, batch, Outcome.UNAVAILABLE, obstacle)
    if obstacle:
        return unknown
    try:
        lowered = _lowered(source, regions, number, graph, converted)
        if lowered is None:
            return replace(unknown, outcome=Outcome.UNCHANGED)
        times = _take_turns(source, lowered, builder, stopwatch)
    except _NotHadError as error:
        return replace(unknown, reason=str(error))
    what = name or "all regions"
    logger.info("%s in %s: %.3g ms of %.3g ms gained", what, graph, times.gain_ms, times.plain_ms)
    return replace(unknown, outcome=Outcome.MEASURED, times=times)


class _NotHadError(Exception):
    """The region cannot be had in that precision; one line says why."""


def _take_turns(
    source: Path, lowered: "onnx.ModelProto", builder: Builder, stopwatch: Stopwatch
) -> PairedTimes:
    """Build the engines of two graphs and time them.

    Raises:
        _NotHadError: the runtime does not build one of them.
        SegtrtError: the float32 graph cannot be read, or this is not the machine to build on.
    """
    batch = builder.settings.batch_size
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        plain, low, graph = (Path(folder) / n for n in ("plain.bin", "mixed.bin", "mixed.onnx"))
        write_graph(lowered, graph, {"segtrt.precision": str(Precision.MIXED)})
        records = {plain: builder.build(source, Precision.FP32, plain)}
        try:
            records[low] = builder.build(graph, Precision.MIXED, low)
        except SegtrtError as error:
            # The float32 graph was built, so it is this region that the runtime cannot do.
            raise _NotHadError(str(error)) from None
        sessions = []
        for engine, record in records.items():
            if record.status != "built":
                raise _NotHadError(record.reason)
            check_machine(record)
            session = open_engine(engine, record, threads=stopwatch.threads, mode=stopwatch.mode)
            sessions.append(stack.enter_context(session))
        images = first_slices(stopwatch.tensors, batch)
        first, second = sessions
        return measure_pairs(
            lambda: first.time_batch(images),
            lambda: second.time_batch(images),
            batch_size=batch,
            budget=stopwatch.budget,
        )


def _lowered(
    source: Path, regions: Sequence[Region], number: int | None, graph: Graph, converted: Path
) -> "onnx.ModelProto | None":
    """The float32 graph with regions in low precision; None where that changes nothing.

    Raises:
        _NotHadError: the region cannot be taken from the converted graph.
        SegtrtError: a graph cannot be read.
    """
    model, made = read_graph(source), read_graph(converted)
    try:
        numbers = range(len(regions)) if number is None else [number]
        if not any(is_changed(model, regions[one], graph, made) for one in numbers):
            return None
        return mix(model, regions, {graph: made}, dict.fromkeys(numbers, graph))
    except SegtrtError as error:
        raise _NotHadError(str(error)) from None
