"""A float32 graph in another precision: float16 and bfloat16 here, quantised ones by `quantise`."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.graphs.calibration import CalibrationImages
from segtrt.graphs.clean import raise_opset, read_graph, write_graph
from segtrt.graphs.quantise import quantise
from segtrt.precision import SOURCE, Graph

if TYPE_CHECKING:
    import onnx

_LARGEST = {Graph.FP16: 65504.0, Graph.BF16: 3.3895e38}

_FLOAT32_OPERATORS = {
    Graph.FP16: {"Sigmoid"},
    # TensorRT-RTX has no transposed convolution in bfloat16.
    Graph.BF16: {"Sigmoid", "ConvTranspose"},
}
"""Operators that stay in float32, where they cost little. The sigmoid keeps probabilities near 0
and 1 apart."""

_BF16_OPSET = 22
"""The first ONNX operator set whose convolutions and pooling take bfloat16."""


def convert_onnx(
    source: Path,
    wanted: Graph,
    out: Path,
    calibration: CalibrationImages | None = None,
    method: str = "minmax",
) -> None:
    """Convert the float32 graph to another precision.

    Input and output stay float32. The same graph, and for a quantised one the same calibration
    images in the same order, give the same bytes.

    Args:
        source: the float32 graph.
        wanted: the graph to make.
        out: its file.
        calibration: the calibration images, for a quantised graph.
        method: how ranges are chosen from them, one of `segtrt.graphs.activation_ranges.METHODS`.

    Raises:
        SegtrtError: the graph cannot be read, has weights that the precision cannot hold, or
            calibration images are needed and missing.
    """
    precision = wanted.precision
    if wanted.quantised:
        if calibration is None:
            raise SegtrtError(
                f"{precision} needs calibration slices and got none; raise "
                "dataset.calibration_fraction"
            )
        signed = wanted.quantised.signed
        quantise(source, calibration, out, precision=precision, method=method, signed=signed)
        return
    if wanted is SOURCE:
        raise SegtrtError(f"{wanted} is the float32 graph itself; there is nothing to convert")
    model = read_graph(source)
    _convert_float(model, wanted)
    write_graph(model, out, {"segtrt.precision": precision})


def _convert_float(model: "onnx.ModelProto", wanted: Graph) -> None:
    """Compute in float16 or bfloat16; casts stand at the edges and around float32 operators."""
    import onnx

    narrow, wide = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    if wanted is Graph.BF16:
        raise_opset(model, _BF16_OPSET)
        narrow = onnx.TensorProto.BFLOAT16
    graph = model.graph
    float32_operators = _FLOAT32_OPERATORS[wanted]
    float32_inputs = {
        name for node in graph.node if node.op_type in float32_operators for name in node.input
    }
    for tensor in graph.initializer:
        if tensor.name not in float32_inputs:
            tensor.CopyFrom(_narrowed(tensor, wanted))

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


def _narrowed(tensor: "onnx.TensorProto", wanted: Graph) -> "onnx.TensorProto":
    """The weights `tensor`, rounded to the nearest value of float16 or bfloat16."""
    import ml_dtypes
    import onnx

    dtype = np.dtype(np.float16 if wanted is Graph.FP16 else ml_dtypes.bfloat16)
    values = onnx.numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype)
    if not np.isfinite(values).all():
        raise SegtrtError(
            f"{tensor.name} has weights that are infinite or not numbers; check model.weights"
        )
    if not np.isfinite(rounded.astype(np.float32)).all():
        raise SegtrtError(
            f"{tensor.name} has a weight of {np.abs(values).max():.4g}, {wanted} holds at most "
            f"{_LARGEST[wanted]:.4g}; leave {wanted.precision} out of engines.precisions"
        )
    return onnx.numpy_helper.from_array(rounded, tensor.name)
