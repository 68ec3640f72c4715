"""Building OpenVINO engines, and telling what their operations compute in."""

from math import prod
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildResult, BuildSettings, Layer, UnsupportedError
from segtrt.runtimes.cpu.messages import last_line, precision_notes
from segtrt.runtimes.openvino.properties import properties

_DTYPES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "u8": "int8", "i8": "int8"}
_NOT_LAYERS = ("Const", "Input", "Output")


def build(graph: Path, settings: BuildSettings) -> BuildResult:
    """Compile a graph for this CPU and export it.

    Raises:
        UnsupportedError: the CPU does not compute in that precision.
        SegtrtError: the graph is not one that OpenVINO reads, or its batch is not free.
    """
    import openvino as ov

    core = ov.Core()
    needed = {Precision.BF16: "BF16", Precision.FP16: "FP16"}.get(settings.precision)
    if needed and needed not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UnsupportedError(f"OpenVINO has no {settings.precision} convolution on this CPU")
    if not graph.is_file():
        raise SegtrtError(f"graph {graph} does not exist; run the workflow to make it")
    try:
        model = core.read_model(graph)
        shape = model.inputs[0].get_partial_shape()
        if shape[0].is_static and shape[0].get_length() != settings.batch_size:
            raise SegtrtError(
                f"{graph} takes batches of {shape[0].get_length()} only, {settings.batch_size} was "
                "asked for; export it with a dynamic batch dimension"
            )
        if settings.profile == "dynamic":
            shape[0] = ov.Dimension(settings.dynamic_min, settings.dynamic_max)
        else:
            shape[0] = settings.batch_size
        for axis, side in enumerate(settings.patch[1:], 2):
            shape[axis] = side
        model.reshape({0: shape})
        compiled = core.compile_model(model, "CPU", properties(settings.precision))
        engine = compiled.export_model().getvalue()
    except RuntimeError as error:
        raise SegtrtError(
            f"OpenVINO cannot build an engine from {graph} ({last_line(error)}); delete the graph "
            "and run the workflow again"
        ) from error
    layers = [
        layer
        for operation in compiled.get_runtime_model().get_ordered_ops()
        if (layer := _layer(operation)) is not None
    ]
    return BuildResult(engine, layers, precision_notes(layers, settings.precision))


def _layer(operation: Any) -> Layer | None:
    """An operation of the compiled model, as OpenVINO's execution graph describes it."""
    info = {key: value.value for key, value in operation.get_rt_info().items()}
    kind = info["layerType"]
    if kind in _NOT_LAYERS:
        return None
    return Layer(
        name=operation.get_friendly_name(),
        kind=kind,
        dtype=_DTYPES.get(info["runtimePrecision"], "other"),
        flops=_flops(operation, kind),
    )


def _flops(operation: Any, kind: str) -> float | None:
    """Floating-point operations of a convolution (a multiply-add is two); None if not known.

    Its weights are (out, in, *kernel), a transposed one's (in, out, *kernel), with a leading
    dimension of groups if there are any: each output (or input) value meets the weights of its own
    channel.
    """
    if kind not in ("Convolution", "Deconvolution"):
        return None
    port = operation.output(0) if kind == "Convolution" else operation.input(0)
    values, weights = port.get_partial_shape(), operation.input(1).get_partial_shape()
    if values.is_dynamic or weights.is_dynamic:
        return None
    grouped = len(weights) - len(values)
    return 2.0 * float(prod(values.to_shape()) * prod(list(weights.to_shape())[1 + grouped :]))
