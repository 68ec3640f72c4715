"""A float32 graph in another precision: float16 and bfloat16 here, quantised ones by `quantise`."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.graphs.calibration import CalibrationImages
from segtrt.graphs.clean import raise_opset, read_graph, write_graph
from segtrt.graphs.quantise import quantise
from segtrt.precision import Precision

if TYPE_CHECKING:
    import onnx

_LARGEST = {Precision.FP16: 65504.0, Precision.BF16: 3.3895e38}

_FLOAT32_OPERATORS = {
    Precision.FP16: {"Sigmoid"},
    # TensorRT-RTX has no transposed convolution in bfloat16.
    Precision.BF16: {"Sigmoid", "ConvTranspose"},
}
"""Operators that stay in float32, where they cost little. The sigmoid keeps probabilities near 0
and 1 apart."""

_BF16_OPSET = 22
"""The first ONNX operator set whose convolutions and pooling take bfloat16."""


def convert_onnx(
    graph: Path,
    precision: Precision,
    out: Path,
    calibration: CalibrationImages | None = None,
    method: str = "minmax",
    *,
    signed: bool = False,
) -> None:
    """Convert the float32 graph to another precision.

    Input and output stay float32. The same graph, and for int8 and fp8 the same calibration images
    in the same order, give the same bytes.

    Args:
        graph: the float32 graph.
        precision: fp16, bf16, int8 or fp8.
        out: the file to make.
        calibration: the calibration images, for int8 and fp8.
        method: how ranges are chosen from them, one of `segtrt.graphs.activation_ranges.METHODS`.
        signed: int8 only: see `segtrt.graphs.quantise.quantise`.

    Raises:
        SegtrtError: the graph cannot be read, has weights that the precision cannot hold, or
            calibration images are needed and missing.
    """
    if precision.is_quantised:
        if calibration is None:
            raise SegtrtError(
                f"{precision} needs calibration slices and got none; raise "
                "dataset.calibration_fraction"
            )
        quantise(graph, calibration, out, precision=precision, method=method, signed=signed)
        return
    if precision.graph is Precision.FP32:
        raise SegtrtError(f"{precision} runs the float32 graph itself; there is nothing to convert")
    model = read_graph(graph)
    _convert_float(model, precision)
    write_graph(model, out, {"segtrt.precision": precision})


def _convert_float(model: "onnx.ModelProto", precision: Precision) -> None:
    """Compute in float16 or bfloat16; casts stand at the edges and around float32 operators."""
    import onnx

    narrow, wide = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    if precision is Precision.BF16:
        raise_opset(model, _BF16_OPSET)
        narrow = onnx.TensorProto.BFLOAT16
    graph = model.graph
    float32_operators = _FLOAT32_OPERATORS[precision]
    float32_inputs = {
        name for node in graph.node if node.op_type in float32_operators for name in node.input
    }
    for tensor in graph.initializer:
        if tensor.name not in float32_inputs:
            tensor.CopyFrom(_narrowed(tensor, precision))

    nodes: list[onnx.NodeProto] = []

    def cast(source: str, result: str, to: int) -> str:
        nodes.append(onnx.helper.make_node("Cast", [source], [result], name=result, to=to))
        return result

    renamed = {value.name: cast(value.name, f"{value.name}/cast", narrow) for value in graph.input}
    outputs = {value.name for value in graph.output}
    for node in list(graph.node):
        node.input[:] = [renamed.get(name, name) for name in node.input]
        if node.op_type not in float32_operators:
            nodes.append(node)
            continue
        node.input[0] = cast(node.input[0], f"{node.name}/wide", wide)
        nodes.append(node)
        for name in set(node.output) - outputs:
            renamed[name] = cast(name, f"{name}/cast", narrow)
    del graph.node[:]
    graph.node.extend(nodes)


def _narrowed(tensor: "onnx.TensorProto", precision: Precision) -> "onnx.TensorProto":
    """The weights `tensor`, rounded to the nearest value of float16 or bfloat16."""
    import ml_dtypes
    import onnx

    dtype = np.dtype(np.float16 if precision is Precision.FP16 else ml_dtypes.bfloat16)
    values = onnx.numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype)
    if not np.isfinite(values).all():
        raise SegtrtError(
            f"{tensor.name} has weights that are infinite or not numbers; check model.weights"
        )
    if not np.isfinite(rounded.astype(np.float32)).all():
        raise SegtrtError(
            f"{tensor.name} has a weight of {np.abs(values).max():.4g}, {precision} holds at most "
            f"{_LARGEST[precision]:.4g}; leave {precision} out of engines.precisions"
        )
    return onnx.numpy_helper.from_array(rounded, tensor.name)
