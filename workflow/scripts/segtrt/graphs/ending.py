"""How a graph ends: what stands between the last scores and the output."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_PASSING = frozenset(
    {
        *("Identity", "Cast", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Resize", "Slice"),
        *("QuantizeLinear", "DequantizeLinear"),
    }
)
"""Operators that pass values on without changing what they mean."""


def ending(model: "onnx.ModelProto", output: str | None = None) -> "Iterator[onnx.NodeProto]":
    """The nodes that lead to an output, the last one first, up to the first that computes scores.

    Args:
        model: any graph.
        output: name of an output; None: the first.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    node = producers.get(output or model.graph.output[0].name)
    while node is not None:
        yield node
        passes = node.op_type in _PASSING or node.op_type in ("Sigmoid", "HardSigmoid", "Softmax")
        node = producers.get(node.input[0]) if passes else None


def activation_of(model: "onnx.ModelProto", output: str | None = None) -> str:
    """What an output holds.

    Returns:
        `sigmoid`: a probability of each class by itself; `softmax`: probabilities of classes that
        exclude each other; `labels`: numbers of classes; `none`: scores without an activation, or
        with one that is written out in other operators.
    """
    names = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    for node in ending(model, output):
        if node.op_type in ("Sigmoid", "HardSigmoid"):
            return "sigmoid"
        if node.op_type == "Softmax":
            axis = next((a.i for a in node.attribute if a.name == "axis"), -1)
            known = names.get(node.output[0])
            rank = len(known.type.tensor_type.shape.dim) if known is not None else 0
            return "softmax" if axis == 1 or (rank and axis + rank == 1) else "none"
        if node.op_type == "ArgMax":
            return "labels"
    return "none"


def last_activations(model: "onnx.ModelProto") -> list[str]:
    """Names of the nodes from the last sigmoid or softmax to the output; none without one."""
    names: list[str] = []
    for node in ending(model):
        names.append(node.name)
        if node.op_type in ("Sigmoid", "HardSigmoid", "Softmax"):
            return names
    return []
