"""ONNX files from anywhere."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from segtrt.errors import SegtrtError
from segtrt.graphs.intake import take_onnx
from small_graph import run
from tiny_networks import onnx_graph, weight


def node(kind, given, made, **attributes):
    return helper.make_node(kind, given.split(), [made], **attributes)


TWO_SIZES = [
    node("Conv", "x w", "small", strides=[2, 2]),
    node("Resize", "small  scales", "large", mode="nearest"),
]
TWO_SIZES[1].input[:] = ["small", "", "scales"]
WEIGHTS = {"w": weight(4, 3, 2, 2), "scales": np.array([1, 1, 2, 2], np.float32)}


def test_full_size_is_chosen_and_said(tmp_path):
    path = onnx_graph(tmp_path / "a.onnx", TWO_SIZES, WEIGHTS, answers=("small", "large"), opset=13)
    took = take_onnx(path, tmp_path / "b.onnx", opset=21)
    assert took.notes == ("of the network's outputs small, large, large is used (of full size)",)
    assert took.agreement.largest < 1e-5
    model = onnx.load(tmp_path / "b.onnx")
    assert model.opset_import[0].version == 21
    image = np.random.default_rng(1).normal(size=(2, 3, 12, 20)).astype(np.float32)
    expected = onnxruntime.InferenceSession(str(path)).run(["large"], {"x": image})[0]
    np.testing.assert_allclose(run(tmp_path / "b.onnx", image), expected, atol=1e-6)
    take_onnx(path, tmp_path / "c.onnx", opset=21, output="small", size=(8, 8))
    fixed = onnx.load(tmp_path / "c.onnx").graph
    assert [d.dim_value for d in fixed.input[0].type.tensor_type.shape.dim] == [0, 3, 8, 8]
    assert [d.dim_value for d in fixed.output[0].type.tensor_type.shape.dim] == [0, 4, 4, 4]


def test_a_fixed_batch_is_freed_where_that_is_right(tmp_path):
    nodes, weights = [node("Conv", "x w", "y")], {"w": weight(2, 3, 1, 1)}
    path = onnx_graph(tmp_path / "a.onnx", nodes, weights, given=(1, 3, 8, 8))
    took = take_onnx(path, tmp_path / "b.onnx", opset=21)
    assert "its batch is freed" in took.notes[0]
    image = np.random.default_rng(1).normal(size=(3, 3, 8, 8)).astype(np.float32)
    one = onnxruntime.InferenceSession(str(path))
    expected = [one.run(None, {"x": image[n : n + 1]})[0] for n in range(3)]
    np.testing.assert_allclose(run(tmp_path / "b.onnx", image), np.concatenate(expected), atol=1e-6)


def test_a_fixed_batch_stays_where_the_graph_needs_it(tmp_path):
    nodes = [
        node("Conv", "x w", "a"),
        node("Reshape", "a flat", "b"),
        node("Softmax", "b", "c", axis=1),
        node("Reshape", "c shape", "y"),
    ]
    weights = {"w": weight(2, 3, 1, 1), "flat": [2, 64], "shape": [1, 2, 8, 8]}
    path = onnx_graph(tmp_path / "a.onnx", nodes, weights, given=(1, 3, 8, 8))
    took = take_onnx(path, tmp_path / "b.onnx", opset=21)
    assert took.notes == ("the graph takes batches of 1 only",)
    (given,) = onnx.load(tmp_path / "b.onnx").graph.input
    assert given.type.tensor_type.shape.dim[0].dim_value == 1


def test_weights_in_a_file_beside_it(tmp_path):
    path = onnx_graph(tmp_path / "a.onnx", TWO_SIZES, WEIGHTS, answers=("large",))
    model = onnx.load(path)
    big = tmp_path / "big.onnx"
    onnx.save(model, big, save_as_external_data=True, location="big.data", size_threshold=0)
    take_onnx(big, tmp_path / "c.onnx", opset=21)
    take_onnx(path, tmp_path / "b.onnx", opset=21)
    assert (tmp_path / "c.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    (tmp_path / "big.data").unlink()
    with pytest.raises(SegtrtError, match=r"big\.onnx.*big\.data"):
        take_onnx(big, tmp_path / "c.onnx", opset=21)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ((None, None, None, 3), TensorProto.FLOAT, r"takes \(\?, \?, \?, 3\) as x.*channels first"),
        ((None, 3), TensorProto.FLOAT, r"takes \(\?, 3\) as x"),
        ((None, 3, None, None), TensorProto.UINT8, "takes uint8 as x; expected float32"),
    ],
)
def test_other_inputs_are_refused(tmp_path, given, kind, message):
    nodes = [node("Identity", "x", "y")]
    path = onnx_graph(tmp_path / "a.onnx", nodes, {}, given=given, kind=kind)
    with pytest.raises(SegtrtError, match=message):
        take_onnx(path, tmp_path / "b.onnx", opset=21)


def test_answers_that_are_not_finite_are_refused(tmp_path):
    nodes = [node("Conv", "x w", "a"), node("Sqrt", "a", "y")]
    path = onnx_graph(tmp_path / "a.onnx", nodes, {"w": weight(2, 3, 1, 1)})
    with pytest.raises(
        SegtrtError,
        match=r"the network's answer on comparison image \d of \d has \d+ values that are infinite",
    ):
        take_onnx(path, tmp_path / "b.onnx", opset=21)
    assert not (tmp_path / "b.onnx").exists()


def test_no_scores_of_the_images_size(tmp_path):
    nodes = [node("GlobalAveragePool", "x", "a"), node("Flatten", "a", "y")]
    path = onnx_graph(tmp_path / "a.onnx", nodes, {})
    with pytest.raises(SegtrtError, match=r"answers y \(2, 3\); expected \(patches, classes"):
        take_onnx(path, tmp_path / "b.onnx", opset=21)
