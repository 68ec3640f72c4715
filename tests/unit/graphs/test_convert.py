"""Conversion of a graph by the tool that the table names, and its proof."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from segtrt.errors import SegtrtError
from segtrt.graphs import convert
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.converters import Tool, Trait
from segtrt.graphs.quantise import quantise
from segtrt.precision import CONVERTED, SOURCE, Graph
from small_graph import images, run, small_graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("graph") / "fp32.onnx")


def weight_types(path):
    return {tensor.name: tensor.data_type for tensor in onnx.load(path).graph.initializer}


def node_type(path, name):
    """Type of the weights that a node computes with, whatever casts stand before it."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    node = next(node for node in model.graph.node if node.name == name)
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    types.update(weight_types(path))
    return types[node.input[1] if len(node.input) > 1 else node.input[0]]


def test_fp16_is_float16_inside_and_float32_outside(graph, tmp_path):
    out = tmp_path / "fp16.onnx"
    made = convert_onnx(graph, Graph.FP16, out)
    assert (made.tool, made.trait) == (Tool.AUTOCAST, Trait.PLAIN)
    assert {node_type(out, n) for n in ("first", "up", "last")} == {TensorProto.FLOAT16}
    # Outputs near 0 and 1 stay apart.
    assert node_type(out, "sigmoid") == TensorProto.FLOAT
    edges = [*onnx.load(out).graph.input, *onnx.load(out).graph.output]
    assert {value.type.tensor_type.elem_type for value in edges} == {TensorProto.FLOAT}
    batch = np.concatenate(images(3))
    assert np.abs(run(out, batch) - run(graph, batch)).max() < 1e-2
    assert 0 < made.agreement.relative < 0.01


def test_bf16_leaves_out_what_tensorrt_does_not_have(tmp_path):
    graph = small_graph(tmp_path / "fp32.onnx", 20)
    out = tmp_path / "bf16.onnx"
    made = convert_onnx(graph, Graph.BF16, out)
    assert node_type(out, "first") == node_type(out, "third") == TensorProto.BFLOAT16
    assert node_type(out, "up") == TensorProto.FLOAT
    assert onnx.load(out).opset_import[0].version == 22
    # Equality would mean that nothing was rounded to bfloat16's 8 bits.
    assert 1e-4 < made.agreement.relative < 0.05


def normed(graph, out, channels=16):
    """The network with an instance norm after its first convolution."""
    model = read_graph(graph)
    ones = onnx.numpy_helper.from_array(np.ones(channels, np.float32), "norm.weight")
    zeros = onnx.numpy_helper.from_array(np.zeros(channels, np.float32), "norm.bias")
    model.graph.initializer.extend([ones, zeros])
    inputs = ["first/out", "norm.weight", "norm.bias"]
    norm = onnx.helper.make_node("InstanceNormalization", inputs, ["norm/out"], "norm")
    model.graph.node[1].input[0] = "norm/out"
    model.graph.node.insert(1, norm)
    write_graph(model, out, {})
    return out


def test_a_network_too_narrow_for_fp8_is_refused(graph, tmp_path, monkeypatch):
    plain = normed(graph, tmp_path / "normed.onnx")
    with pytest.raises(SegtrtError, match="modelopt finds nothing in this network"):
        convert_onnx(plain, Graph.FP8, tmp_path / "fp8.onnx", images(1))
    monkeypatch.setattr("small_graph.CHANNELS", 8)
    narrow = small_graph(tmp_path / "narrow.onnx")
    with pytest.raises(SegtrtError, match="no convolution of channels in multiples of 16"):
        convert_onnx(narrow, Graph.FP8, tmp_path / "fp8.onnx", images(1))
    assert not (tmp_path / "fp8.onnx").exists()


def test_fp8_with_norms_is_modelopts(tmp_path, monkeypatch):
    monkeypatch.setattr("small_graph.CHANNELS", 32)
    graph = normed(small_graph(tmp_path / "fp32.onnx"), tmp_path / "normed.onnx", 32)
    out = tmp_path / "fp8.onnx"
    made = convert_onnx(graph, Graph.FP8, out, images(2))
    assert (made.tool, made.trait) == (Tool.MODELOPT, Trait.NORMED)
    assert TensorProto.FLOAT8E4M3FN in weight_types(out).values()
    assert 1e-4 < made.agreement.relative < 0.2


def test_a_weight_too_large_for_fp16_stays_float32(tmp_path):
    graph = small_graph(tmp_path / "fp32.onnx", factor=1e6)
    convert_onnx(graph, Graph.FP16, tmp_path / "fp16.onnx")
    assert node_type(tmp_path / "fp16.onnx", "first") == TensorProto.FLOAT


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Graph.FP16, Graph.BF16, Graph.FP8])
def test_same_bytes_twice(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("small_graph.CHANNELS", 32)
    graph = normed(small_graph(tmp_path / "fp32.onnx"), tmp_path / "normed.onnx", 32)
    for name in ("a", "b"):
        convert_onnx(graph, kind, tmp_path / name, images(2))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    properties = {entry.key: entry.value for entry in onnx.load(tmp_path / "a").metadata_props}
    assert properties["segtrt.precision"] == kind


@pytest.mark.parametrize("kind", [kind for kind in CONVERTED if kind.quantised])
def test_quantised_graphs_of_plain_convolutions_are_the_projects_own(graph, tmp_path, kind):
    made = convert_onnx(graph, kind, tmp_path / "a", images(2))
    assert made.tool is Tool.OWN
    quantise(graph, images(2), tmp_path / "b", kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    batch = np.concatenate(images(2))
    expected, got = run(graph, batch), run(tmp_path / "a", batch, optimise=False)
    error = np.sqrt(np.mean((got - expected) ** 2)) / max(expected.std(), 0.05)
    assert made.agreement.relative == pytest.approx(error, rel=0.02)
    assert made.agreement.images == 2
    assert made.to_json()["agreement"]["flipped"] == made.agreement.flipped


def test_proof_is_on_images_from_the_first_to_the_last(graph, tmp_path, monkeypatch):
    """The first few may all be of one subject, and empty."""
    seen = []

    def watched(batches, *others):
        seen.extend(batches)
        return agreement(batches, *others)

    agreement = convert.agreement
    monkeypatch.setattr(convert, "agreement", watched)
    given = images(20)
    made = convert_onnx(graph, Graph.INT8, tmp_path / "a", given)
    places = [next(n for n, one in enumerate(given) if one is image) for image in seen]
    assert places == [0, 3, 5, 8, 11, 14, 16, 19]
    assert made.agreement.images == 8


def test_int8_for_onnxruntime_with_norms_is_its_own(graph, tmp_path):
    plain = normed(graph, tmp_path / "normed.onnx")
    made = convert_onnx(plain, Graph.INT8, tmp_path / "int8.onnx", images(2))
    assert (made.tool, made.trait) == (Tool.STATIC, Trait.NORMED)
    assert made.agreement.relative < 0.2
    other = convert_onnx(plain, Graph.INT8_OPENVINO, tmp_path / "other.onnx", images(2))
    assert other.tool is Tool.OWN
    types = set(weight_types(tmp_path / "int8.onnx").values())
    assert {TensorProto.UINT8, TensorProto.INT8} <= types


@pytest.mark.parametrize("kind", [kind for kind in CONVERTED if kind.quantised])
def test_quantised_kinds_need_images(graph, tmp_path, kind):
    with pytest.raises(SegtrtError, match="needs calibration slices"):
        convert_onnx(graph, kind, tmp_path / "b")


def test_float32_is_not_converted(graph, tmp_path):
    with pytest.raises(SegtrtError, match="nothing to convert"):
        convert_onnx(graph, SOURCE, tmp_path / "b")


@pytest.mark.parametrize("kind", CONVERTED)
def test_weights_that_are_no_numbers_are_named(tmp_path, kind):
    graph = small_graph(tmp_path / "fp32.onnx", factor=np.nan)
    with pytest.raises(
        SegtrtError, match=r"first\.weight has weights that are infinite or not num"
    ):
        convert_onnx(graph, kind, tmp_path / "out.onnx", images(1))
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("value", [np.nan, 1e9])
def test_a_wrong_conversion_leaves_no_file(graph, tmp_path, monkeypatch, value):
    def spoilt(*_args, **_keywords):
        model = read_graph(graph)
        bias = next(t for t in model.graph.initializer if t.name == "third.bias")
        values = np.full(bias.dims, value, np.float32)
        bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
        return model

    monkeypatch.setattr(convert, "narrow", spoilt)
    with pytest.raises(SegtrtError, match="the graph in fp16 made by autocast is wrong"):
        convert_onnx(graph, Graph.FP16, tmp_path / "fp16.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_tool_that_fails_is_reported_in_one_line(graph, tmp_path, monkeypatch):
    def failing(*_args, **_keywords):
        raise ValueError("no such operator\nand more")

    monkeypatch.setattr(convert, "narrow", failing)
    with pytest.raises(SegtrtError) as caught:
        convert_onnx(graph, Graph.FP16, tmp_path / "fp16.onnx")
    assert "autocast cannot make a graph in fp16" in str(caught.value)
    assert "ValueError: no such operator)" in str(caught.value)
