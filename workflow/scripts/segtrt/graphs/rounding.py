"""float16 and bfloat16 as a float32 graph computes them, if it rounds what goes in and out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.graphs.ending import last_activations
from segtrt.graphs.regions import Region
from segtrt.precision import Precision

if TYPE_CHECKING:
    import onnx


def rounded(
    source: "onnx.ModelProto", regions: Sequence[Region], precision: Precision
) -> "onnx.ModelProto":
    """A float32 graph whose regions round their weights and every result to a short float.

    That is what an engine does that computes these operators in `precision` and sums up in float32;
    a result too large for float16 becomes infinite. Any machine can run it, operator by operator.
    A sigmoid or softmax before the output stays float32, as in converted graphs.

    Args:
        source: the normalised float32 graph.
        regions: those to round.
        precision: fp16 or bf16.

    Raises:
        SegtrtError: another precision.
    """
    import onnx

    kinds = {
        Precision.FP16: onnx.TensorProto.FLOAT16,
        Precision.BF16: onnx.TensorProto.BFLOAT16,
    }
    if precision not in kinds:
        raise SegtrtError(f"{precision} is no short float; expected {' or '.join(kinds)}")
    made = onnx.ModelProto()
    made.CopyFrom(source)
    inside = {name for region in regions for name in region.nodes} - set(last_activations(source))
    weights = {tensor.name: tensor for tensor in made.graph.initializer}
    is_float = _float_tensors(source)
    nodes: list[onnx.NodeProto] = []
    known: dict[str, str] = {}

    def through(name: str, into: str) -> None:
        """Round `name`, by two casts."""
        short = f"{into}/short"
        cast = onnx.helper.make_node("Cast", [name], [short], name=short, to=kinds[precision])
        back = onnx.helper.make_node(
            "Cast", [short], [into], name=f"{into}/back", to=onnx.TensorProto.FLOAT
        )
        nodes.extend((cast, back))

    def in_short(name: str) -> str:
        """What a rounding node reads in place of `name`."""
        if name not in is_float:
            return name
        if name not in known:
            known[name] = f"{name}/rounded"
            if name in weights:
                values = _rounded_values(onnx.numpy_helper.to_array(weights[name]), precision)
                tensor = onnx.numpy_helper.from_array(values, known[name])
                made.graph.initializer.append(tensor)
            else:
                through(name, known[name])
        return known[name]

    for node in made.graph.node:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if node.name not in inside:
            nodes.append(copy)
            continue
        copy.input[:] = [in_short(name) if name else name for name in node.input]
        nodes.append(copy)
        for place, name in enumerate(node.output):
            if name in is_float:
                copy.output[place] = f"{name}/exact"
                through(copy.output[place], name)
                known[name] = name
    used = {name for node in nodes for name in node.input}
    left = [tensor for tensor in made.graph.initializer if tensor.name in used]
    del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(left)
    return made


def _rounded_values(
    values: "np.typing.NDArray[np.float32]", precision: Precision
) -> "np.typing.NDArray[np.float32]":
    import ml_dtypes

    short = np.float16 if precision is Precision.FP16 else ml_dtypes.bfloat16
    with np.errstate(over="ignore"):
        result: np.typing.NDArray[np.float32] = values.astype(short).astype(np.float32)
    return result


def _float_tensors(model: "onnx.ModelProto") -> set[str]:
    """Names of the float32 tensors, weights among them."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(model).graph
    found = {
        value.name
        for value in (*graph.value_info, *graph.input, *graph.output)
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    return found | {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
