"""Contracts found by probing graphs whose contract is known."""

import numpy as np
import pytest
from onnx import helper
from segtrt.errors import SegtrtError
from segtrt.graphs.intake import take_onnx
from segtrt.model.probe import probe
from segtrt.model.spec import Activation, NetworkSpec, read_spec, write_spec
from tiny_networks import onnx_graph, weight


def node(kind, given, made, **attributes):
    return helper.make_node(kind, given.split(), [made], **attributes)


def found(tmp_path, nodes, weights, activation=None, size=None, **graph):
    path = onnx_graph(tmp_path / "a.onnx", nodes, weights, **graph)
    take_onnx(path, tmp_path / "b.onnx", opset=21)
    return probe(tmp_path / "b.onnx", activation, size)


def down_and_up(step):
    """Answers of full size for sides that are multiples of `step`: by adding both."""
    up = helper.make_node("Resize", ["a", "", "scales"], ["b"], mode="nearest")
    nodes = [
        node("MaxPool", "x", "a", kernel_shape=[step, step], strides=[step, step]),
        up,
        node("Add", "x b", "c"),
        node("Conv", "c w", "y"),
    ]
    return nodes, {"scales": np.array([1, 1, step, step], np.float32), "w": weight(2, 3, 1, 1)}


@pytest.mark.parametrize("step", [1, 2, 4, 14, 16, 64])
def test_multiples_of_free_sides(tmp_path, step):
    spec, notes = found(tmp_path, *down_and_up(step))
    assert spec == NetworkSpec(
        input="input",
        channels=3,
        size=(None, None),
        multiple=(step, step),
        batch=None,
        output="output",
        classes=2,
        activation=Activation.NONE,
        stride=(1, 1),
    )
    assert notes == [
        "2 classes of logits are taken to exclude each other; where they overlap, have each class "
        "decided by a threshold"
    ]


def test_each_side_has_its_own_multiple(tmp_path):
    nodes, weights = down_and_up(4)
    nodes[0] = node("MaxPool", "x", "a", kernel_shape=[8, 1], strides=[8, 1])
    weights["scales"] = np.array([1, 1, 8, 1], np.float32)
    assert found(tmp_path, nodes, weights)[0].multiple == (8, 1)


def test_a_side_that_is_free_by_its_name_only(tmp_path):
    nodes = [node("Conv", "x w", "a"), node("Gather", "a rows", "y", axis=2)]
    weights = {"w": weight(1, 3, 1, 1), "rows": np.arange(64)[::-1].copy()}
    spec, notes = found(tmp_path, nodes, weights)
    assert (spec.size, spec.multiple) == ((64, None), (1, 1))
    assert notes == ["side 1 is free by its name, but 64 alone works"]


def test_a_quarter_of_the_size(tmp_path):
    nodes = [node("Conv", "x w", "y", strides=[4, 4], pads=[0, 0, 3, 3])]
    spec, notes = found(tmp_path, nodes, {"w": weight(3, 3, 4, 4)})
    assert (spec.stride, spec.multiple) == ((4, 4), (1, 1))
    assert notes[0] == "answers are 1/4 of the images' size; they are resized to it"


def test_a_volume_of_fixed_sides_and_batch(tmp_path):
    nodes = [
        node("Conv", "x w", "a"),
        node("Reshape", "a flat", "b"),
        node("Softmax", "b", "c", axis=1),
        node("Reshape", "c shape", "y"),
    ]
    shape = [2, 3, 8, 8, 4]
    weights = {"w": weight(3, 1, 1, 1, 1), "flat": [6, 256], "shape": shape}
    spec, _ = found(tmp_path, nodes, weights, given=(2, 1, 8, 8, 4))
    assert (spec.dimensions, spec.size, spec.batch) == (3, (8, 8, 4), 2)
    assert (spec.classes, spec.channels, spec.multiple) == (3, 1, (1, 1, 1))
    # The softmax goes over another axis.
    assert spec.activation is Activation.NONE


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (node("Sigmoid", "a", "y"), Activation.SIGMOID),
        (node("Softmax", "a", "y", axis=1), Activation.SOFTMAX),
        (node("Relu", "a", "y"), Activation.NONE),
    ],
)
def test_activation(tmp_path, last, expected):
    nodes = [node("Conv", "x w", "a"), last]
    assert found(tmp_path, nodes, {"w": weight(2, 3, 1, 1)})[0].activation is expected


def test_a_sigmoid_written_out_can_be_declared_and_a_wrong_one_is_refused(tmp_path):
    nodes = [
        node("Conv", "x w", "a"),
        node("Neg", "a", "b"),
        node("Exp", "b", "c"),
        node("Add", "c one", "d"),
        node("Reciprocal", "d", "y"),
    ]
    weights = {"w": weight(2, 3, 1, 1), "one": np.ones(1, np.float32)}
    assert found(tmp_path, nodes, weights)[0].activation is Activation.NONE
    spec, notes = found(tmp_path, nodes, weights, "sigmoid")
    assert spec.activation is Activation.SIGMOID
    assert notes == []
    with pytest.raises(SegtrtError, match=r"model\.activation is softmax, but .* summing to"):
        found(tmp_path, nodes, weights, "softmax")
    with pytest.raises(SegtrtError, match=r"model\.activation is sigmoid, but the network answers"):
        weights["w"] = weights["w"] * 9
        found(tmp_path, [*nodes[:1], node("Relu", "a", "y")], weights, "sigmoid")


def test_a_network_that_mixes_the_images_of_a_batch(tmp_path):
    nodes = [
        node("Conv", "x w", "a"),
        node("ReduceMean", "a zero", "m"),
        node("Sub", "a m", "y"),
    ]
    with pytest.raises(SegtrtError, match="depends on the others in its batch"):
        found(tmp_path, nodes, {"w": weight(2, 3, 1, 1), "zero": [0]})


def test_labels_are_refused(tmp_path):
    nodes = [
        node("Conv", "x w", "a"),
        node("ArgMax", "a", "b", axis=1),
        node("Cast", "b", "y", to=1),
    ]
    with pytest.raises(SegtrtError, match="answers numbers of classes"):
        found(tmp_path, nodes, {"w": weight(2, 3, 1, 1)})


def test_a_contract_as_a_file(tmp_path):
    spec, notes = found(tmp_path, *down_and_up(8))
    write_spec(spec, notes, tmp_path / "network.json")
    assert read_spec(tmp_path / "network.json") == spec
    (tmp_path / "network.json").write_text('{"format": "other"}')
    with pytest.raises(SegtrtError, match=r"network\.json is not a network's contract"):
        read_spec(tmp_path / "network.json")


def test_the_smallest_size_that_fits():
    spec = NetworkSpec(
        *("input", 1, (None, 64), (16, 1), None, "output", 1, Activation.NONE, (1, 1))
    )
    assert spec.fit((17, 60)) == (32, 64)
    assert spec.fit((32, 64)) == (32, 64)
    assert (spec.threshold, spec.dimensions) == (0.0, 2)
    with pytest.raises(SegtrtError, match="larger than the network's fixed"):
        spec.fit((16, 65))
    with pytest.raises(SegtrtError, match="has 3 sides; the network takes 2"):
        spec.fit((16, 16, 16))
