"""Building a TensorRT engine from an ONNX graph."""

import logging
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph
from segtrt.graphs.engine_shape import fix_sides
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildResult, BuildSettings, Layer, UnsupportedError
from segtrt.runtimes.tensorrt.graph import adapt_graph
from segtrt.runtimes.tensorrt.inspect import inspect_engine, read_engine
from segtrt.runtimes.tensorrt.log import clean_message, logger_for, progress_monitor
from segtrt.runtimes.tensorrt.tf32 import tf32_only_if_wanted
from segtrt.runtimes.tensorrt.timing_cache import merge_cache, read_cache, tensorrt_combine

if TYPE_CHECKING:
    from tensorrt import Builder, IBuilderConfig, INetworkDefinition, ITimingCache, ParserError

_NO_PLUGIN = "Plugin not found"
"""What TensorRT 1.7 for RTX says of an operator that it does not know: it looks for a plugin."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildPlace:
    """What a build depends on beside its settings."""

    trt: Any
    """The module `tensorrt` or `tensorrt_rtx`."""
    title: str
    """Name and version for messages."""
    is_rtx: bool
    """Whether it is TensorRT-RTX: it builds for GPUs that are not here, from adapted graphs."""
    timing_cache: Path | None
    """The timing cache to use and add to; None for none (TensorRT-RTX has no timing to cache)."""
    has_gpu: bool
    """Whether there is a GPU here to read the engine back."""


def build(place: BuildPlace, graph: Path, settings: BuildSettings) -> BuildResult:
    """Build the engine and look at its layers.

    Args:
        place: with what to build.
        graph: ONNX file.
        settings: how to build.

    Raises:
        UnsupportedError: TensorRT or the device cannot do it, with the builder's last error.
        SegtrtError: the graph cannot be parsed, or its input does not fit the settings.
    """
    with tf32_only_if_wanted(settings.precision):
        engine = build_serialized(place, graph, settings)
        layers, notes = _layers(place, engine)
    return BuildResult(engine=engine, layers=layers, notes=notes)


def _layers(place: BuildPlace, engine: bytes) -> tuple[list[Layer], list[str]]:
    """Layers of an engine just built, and notes on what could not be found out."""
    if not place.has_gpu:
        return [], ["layers are unknown: the engine was built without a GPU to read it back"]
    try:
        layers = inspect_engine(place.trt, read_engine(place.trt, engine, "just built"))
    except SegtrtError as error:
        # Right for an engine that is meant for other GPUs than the one here.
        return [], [f"layers are unknown: {error}"]
    if not layers:
        return [], ["layers are unknown: the engine inspector tells no more than names"]
    return layers, []


def build_serialized(place: BuildPlace, graph: Path, settings: BuildSettings) -> bytes:
    """Build the engine.

    Raises:
        UnsupportedError: TensorRT or the device cannot do it, with the builder's last error.
        SegtrtError: the graph cannot be parsed, or its input does not fit the settings.
    """
    trt = place.trt
    log = logger_for(trt)
    log.errors.clear()
    try:
        builder = trt.Builder(log)
    except TypeError:
        # The binding's way to say that the library gave no builder, e.g. without a driver.
        reason = log.last_error("no reason was given")
        raise UnsupportedError(f"{place.title} cannot build here: {reason}") from None
    network = builder.create_network(_strongly_typed(trt))
    _parse(place, network, graph, settings)
    config = builder.create_builder_config()
    _configure(place, config, settings)
    _add_profile(builder, network, config, graph, settings)
    timing_cache = _attach_timing_cache(place, config)
    what = f"building batch {settings.batch_size} {settings.precision}"
    with _progress(trt, config, what):
        engine = builder.build_serialized_network(network, config)
    if engine is None:
        reason = log.last_error("the builder gave no reason; see the log")
        raise UnsupportedError(f"{place.title} cannot build {settings.precision} here: {reason}")
    if place.timing_cache is not None and timing_cache is not None:
        fresh = bytes(config.get_timing_cache().serialize())
        merge_cache(place.timing_cache, fresh, tensorrt_combine(config))
    return bytes(engine)


def _strongly_typed(trt: Any) -> int:
    """Flags of `create_network`: TensorRT 10 must be given them, later ones know no other way."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _parse(
    place: BuildPlace, network: "INetworkDefinition", graph: Path, settings: BuildSettings
) -> None:
    """Parse the ONNX file into `network`."""
    model = read_graph(graph)
    fix_sides(model, settings, graph)
    if place.is_rtx:
        adapt_graph(model, settings)
    parser = place.trt.OnnxParser(network, logger_for(place.trt))
    if parser.parse(model.SerializeToString()):
        return
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    errors_text = "; ".join(dict.fromkeys(_describe(error) for error in errors))
    if any(_is_unsupported(error) for error in errors):
        raise UnsupportedError(f"the graph's {errors_text}")
    raise SegtrtError(f"graph {graph}: {errors_text or 'it cannot be parsed; see the log'}")


def _describe(error: "ParserError") -> str:
    """A parser's error: the node, its name and operator, and the reason."""
    # What follows the first line is where in the parser's own sources it happened.
    reason = clean_message((error.desc().splitlines() or ["no reason given"])[0])
    if _NO_PLUGIN in reason:
        reason = "the operator is not supported, and no plugin has its name"
    if error.node() < 0:
        return reason
    name = f" '{error.node_name()}'" if error.node_name() else ""
    return f"node {error.node()}{name} ({error.node_operator()}): {reason}"


def _is_unsupported(error: "ParserError") -> bool:
    """Whether the graph may be right and only TensorRT cannot do it."""
    named = error.code().name.startswith("UNSUPPORTED")
    return named or any(words in error.desc() for words in ("not supported", _NO_PLUGIN))


def _configure(place: BuildPlace, config: "IBuilderConfig", settings: BuildSettings) -> None:
    trt = place.trt
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace_mib << 20)
    config.builder_optimization_level = settings.optimisation_level
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    # TF32 is on by default: only the precision of that name may use it.
    if settings.precision is Precision.TF32:
        config.set_flag(trt.BuilderFlag.TF32)
    else:
        config.clear_flag(trt.BuilderFlag.TF32)
    if place.is_rtx:
        _set_targets(place, config, settings.compute_capabilities)


def _set_targets(place: BuildPlace, config: "IBuilderConfig", capabilities: Sequence[str]) -> None:
    """Name the GPUs to build for; none named is the GPU here."""
    known = place.trt.ComputeCapability
    names = [f"SM{text.replace('.', '')}" for text in capabilities] or ["CURRENT"]
    config.num_compute_capabilities = len(names)
    for index, name in enumerate(names):
        member = getattr(known, name, None)
        if member is None or not config.set_compute_capability(member, index):
            choices = sorted(
                (other for other in known.__members__ if other.startswith("SM")),
                key=lambda other: int(other[2:]),
            )
            raise UnsupportedError(
                f"{place.title} cannot build for compute capability {capabilities[index]}; it "
                f"knows {', '.join(f'{other[2:-1]}.{other[-1]}' for other in choices)}"
            )


def _add_profile(
    builder: "Builder",
    network: "INetworkDefinition",
    config: "IBuilderConfig",
    graph: Path,
    settings: BuildSettings,
) -> None:
    """The optimisation profile: the batch alone, or a range of batches."""
    if network.num_inputs != 1:
        raise SegtrtError(
            f"graph {graph} has {network.num_inputs} inputs; one, a batch of images, was expected"
        )
    tensor = network.get_input(0)
    batch, *rest = tuple(tensor.shape)
    if settings.profile == "dynamic":
        batches = (settings.dynamic_min, settings.dynamic_opt, settings.dynamic_max)
    else:
        batches = (settings.batch_size,) * 3
    if any(size < 1 for size in rest) or (batch >= 0 and set(batches) != {batch}):
        raise SegtrtError(
            f"graph {graph} has an input of shape {tuple(tensor.shape)}; only its first axis may "
            f"be free (-1), and must be for batches {batches}; export it with a dynamic batch"
        )
    profile = builder.create_optimization_profile()
    profile.set_shape(tensor.name, *((size, *rest) for size in batches))
    if config.add_optimization_profile(profile) < 0:
        raise SegtrtError(
            f"batches {batches} are no optimisation profile; min <= opt <= max was expected in "
            "engines.dynamic_batch"
        )


def _attach_timing_cache(place: BuildPlace, config: "IBuilderConfig") -> "ITimingCache | None":
    """Give the builder the stored timings; returns the cache, which must outlive the build."""
    if place.timing_cache is None:
        return None
    cache = config.create_timing_cache(read_cache(place.timing_cache))
    if cache is None or not config.set_timing_cache(cache, False):
        logger.warning("timing cache %s does not fit; building without it", place.timing_cache)
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


@contextmanager
def _progress(trt: Any, config: "IBuilderConfig", what: str) -> Any:
    """Show the builder's progress; Ctrl-C in the block becomes a KeyboardInterrupt after it."""
    monitor = progress_monitor(trt, what)
    config.progress_monitor = monitor
    try:
        yield
    finally:
        monitor.close()
    if monitor.interrupted:
        raise KeyboardInterrupt
