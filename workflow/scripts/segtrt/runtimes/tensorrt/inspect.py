"""Reading an engine back, and what it is made of, from TensorRT's engine inspector."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError
from segtrt.runtimes.base import Layer
from segtrt.runtimes.tensorrt.log import logger_for

if TYPE_CHECKING:
    from tensorrt import ICudaEngine, IExecutionContext

_TYPES = (
    # Tried in this order: `BFloat16` and `FP8` contain other types' names.
    ("bf16", re.compile(r"bf16|bfloat16", re.I)),
    ("fp8", re.compile(r"fp8|float8|e4m3|e5m2", re.I)),
    ("fp16", re.compile(r"fp16|float16|half", re.I)),
    ("fp32", re.compile(r"fp32|float32|\bfloat\b", re.I)),
    ("int8", re.compile(r"\bu?int8", re.I)),
)


_KINDS = {"correlation": "Convolution", "deconv": "Deconvolution"}
"""TensorRT-RTX's words for the operations that TensorRT calls so."""


def read_engine(trt: Any, content: bytes, name: str) -> "ICudaEngine":
    """Read a serialised engine back into an `ICudaEngine`.

    Args:
        trt: the module `tensorrt` or `tensorrt_rtx`.
        content: the engine.
        name: what to call it in the message, e.g. its path.

    Raises:
        SegtrtError: it does not fit this GPU, driver or version.
    """
    log = logger_for(trt)
    log.errors.clear()
    runtime = trt.Runtime(log)
    engine = runtime.deserialize_cuda_engine(content)
    if engine is not None:
        return engine
    causes = []
    if hasattr(runtime, "get_engine_validity"):
        _validity, bits = runtime.get_engine_validity(content)
        known = trt.EngineInvalidityDiagnostics.__members__.values()
        causes = [cause.name.lower().replace("_", " ") for cause in known if bits & cause.value]
    reason = log.last_error("no reason was given")
    raise SegtrtError(
        f"engine {name} does not fit this machine ({', '.join([*causes, reason])}); delete it and "
        "run the workflow again to build it here"
    )


def inspect_engine(
    trt: Any, engine: "ICudaEngine", context: "IExecutionContext | None" = None
) -> list[Layer]:
    """The engine's layers; empty if the inspector tells no more than their names.

    Args:
        trt: the module `tensorrt` or `tensorrt_rtx`.
        engine: built with detailed profiling verbosity.
        context: one with its shapes set, which makes free sizes concrete.
    """
    inspector = engine.create_engine_inspector()
    if context is not None:
        inspector.execution_context = context
    return parse_layers(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def parse_layers(text: str) -> list[Layer]:
    """Layers from the inspector's JSON; those of which it tells only the name are left out."""
    entries = json.loads(text).get("Layers", [])
    return [_layer(entry) for entry in entries if isinstance(entry, Mapping)]


def _layer(entry: Mapping[str, Any]) -> Layer:
    name = str(entry.get("ParameterType") or entry.get("LayerType") or "unknown")
    kind = _KINDS.get(name, name)
    return Layer(
        name=str(entry.get("Name", "")),
        kind=kind,
        dtype=_compute_type(entry),
        flops=_flops(kind, entry),
    )


def _compute_type(entry: Mapping[str, Any]) -> str:
    """Type in which the layer computes.

    A convolution computes in its weights' type, anything else in that of its first input. TF32
    shows only in the kernel's name: the tensors stay float32.
    """
    weights = entry.get("Weights")
    described = weights.get("Type") if isinstance(weights, Mapping) else None
    tensors = entry.get("Inputs") or entry.get("Outputs") or []
    if not described and tensors:
        first = tensors[0]
        described = first.get("Datatype") or first.get("Format/Datatype") or first.get("Format")
    dtype = next((name for name, pattern in _TYPES if pattern.search(str(described))), "other")
    if dtype == "fp32" and "tf32" in str(entry.get("TacticName", "")).lower():
        return "tf32"
    return dtype


def _flops(kind: str, entry: Mapping[str, Any]) -> float | None:
    """Floating-point operations of a (transposed) convolution for one run; else None."""
    kernel = _sizes(entry.get("Kernel")) or _kernel_of_constants(entry)
    inputs = _dimensions(entry.get("Inputs"))
    outputs = _dimensions(entry.get("Outputs"))
    groups = int(entry.get("Groups", 1))
    if kernel is None or inputs is None or outputs is None:
        return None
    if "deconvolution" in kind.lower():
        # Every input value meets every weight of its channel.
        return 2.0 * math.prod(inputs) * math.prod(kernel) * outputs[1] / groups
    if "conv" in kind.lower():
        return 2.0 * math.prod(outputs) * math.prod(kernel) * inputs[1] / groups
    return None


def _kernel_of_constants(entry: Mapping[str, Any]) -> Sequence[int] | None:
    """Kernel height and width; TensorRT-RTX lists weights, four-dimensional, as first constant."""
    constants = entry.get("Constants")
    weights = _sizes(constants[0].get("Dimensions")) if constants else None
    return weights[2:] if weights is not None and len(weights) == 4 else None


def _dimensions(tensors: Any) -> Sequence[int] | None:
    """Sizes of the first tensor, at least (n, channels), all of them known."""
    if not tensors:
        return None
    sizes = _sizes(tensors[0].get("Dimensions"))
    return sizes if sizes is not None and len(sizes) >= 2 else None


def _sizes(value: Any) -> Sequence[int] | None:
    if not isinstance(value, list) or not value or any(size < 1 for size in value):
        return None
    return value
