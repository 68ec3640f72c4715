"""What a graph's output holds."""

import onnx
import pytest
from onnx import helper
from segtrt.graphs.ending import activation_of, last_activations
from tiny_networks import onnx_graph, weight

CONV = helper.make_node("Conv", ["x", "w"], ["a"], "conv")


def graph(tmp_path, *nodes):
    path = onnx_graph(tmp_path / "a.onnx", [CONV, *nodes], {"w": weight(2, 3, 1, 1)})
    return onnx.shape_inference.infer_shapes(onnx.load(path))


@pytest.mark.parametrize(
    ("kinds", "expected", "last"),
    [
        (["Identity"], "none", []),
        (["Sigmoid"], "sigmoid", ["1"]),
        (["HardSigmoid"], "sigmoid", ["1"]),
        (["Sigmoid", "Identity"], "sigmoid", ["2", "1"]),
        (["Sigmoid", "Relu"], "none", []),
        (["Relu"], "none", []),
        ([("Softmax", {"axis": 1})], "softmax", ["1"]),
        ([("Softmax", {"axis": -3})], "softmax", ["1"]),
        ([("Softmax", {"axis": -1})], "none", ["1"]),
        ([("ArgMax", {"axis": 1}), ("Cast", {"to": 1})], "labels", []),
    ],
)
def test_activation(tmp_path, kinds, expected, last):
    nodes = []
    for number, kind in enumerate(kinds, 1):
        name, attributes = kind if isinstance(kind, tuple) else (kind, {})
        source = "a" if number == 1 else f"b{number - 1}"
        result = "y" if number == len(kinds) else f"b{number}"
        nodes.append(helper.make_node(name, [source], [result], str(number), **attributes))
    model = graph(tmp_path, *nodes)
    assert activation_of(model) == expected
    assert list(last_activations(model)) == last
