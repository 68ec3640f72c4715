"""int8 and fp8 graphs."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from segtrt.errors import SegtrtError
from segtrt.graphs.activation_ranges import METHODS
from segtrt.graphs.calibration import calibration_digest
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.quantise import quantise
from segtrt.precision import Graph
from small_graph import CHANNELS, images, run, small_graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("graph") / "fp32.onnx")


def weights_of(path):
    return {t.name: t for t in onnx.load(path).graph.initializer}


@pytest.mark.parametrize("kind", [Graph.INT8, Graph.INT8_SIGNED])
@pytest.mark.parametrize("method", METHODS)
def test_int8_stays_close(graph, tmp_path, method, kind):
    out = tmp_path / "int8.onnx"
    quantise(graph, images(3), out, kind, method=method)
    batch = np.concatenate(images(2, seed=11))
    difference = np.abs(run(out, batch) - run(graph, batch))
    assert difference.mean() < 0.01
    # Equality would mean that nothing was quantised.
    assert difference.max() > 1e-4


def test_weights_have_a_scale_per_output_channel(graph, tmp_path):
    out = tmp_path / "int8.onnx"
    quantise(graph, images(1), out)
    plain, coded = weights_of(graph), weights_of(out)
    axes = {
        node.name: node.attribute[0].i
        for node in onnx.load(out).graph.node
        if node.op_type == "DequantizeLinear" and ".weight" in node.name
    }
    expected = {"first": 0, "second": 0, "third": 0, "up": 1}
    assert axes == {f"{name}.weight/dequantised": axis for name, axis in expected.items()}
    for name, axis in expected.items():
        codes = numpy_helper.to_array(coded[f"{name}.weight"])
        scale = numpy_helper.to_array(coded[f"{name}.weight/scale"])
        values = numpy_helper.to_array(plain[f"{name}.weight"])
        assert codes.dtype == np.int8
        assert scale.shape == (values.shape[axis],)
        column = scale.reshape([-1 if i == axis else 1 for i in range(4)])
        # Rounded to the nearest of 255 symmetric levels: at most half a step away.
        assert np.all(np.abs(codes * column - values) <= column * 0.5001)
        assert np.abs(codes).max() == 127
        assert not numpy_helper.to_array(coded[f"{name}.weight/zero_point"]).any()


def test_last_convolution_and_biases_stay_float(graph, tmp_path):
    quantise(graph, images(1), tmp_path / "int8.onnx")
    types = {name: t.data_type for name, t in weights_of(tmp_path / "int8.onnx").items()}
    names = ("last.weight", "first.bias", "up.bias")
    assert {types[name] for name in names} == {TensorProto.FLOAT}


def test_signed_activations_are_symmetric(graph, tmp_path):
    quantise(graph, images(1), tmp_path / "int8.onnx", Graph.INT8_SIGNED)
    coded = weights_of(tmp_path / "int8.onnx")
    zero_points = [t for name, t in coded.items() if name.endswith("/zero_point")]
    assert {t.data_type for t in zero_points} == {TensorProto.INT8}
    assert not any(numpy_helper.to_array(t).any() for t in zero_points)
    # What only passes values on has one scale, so that nothing is rescaled.
    shared = ("relu1/out", "pool/out", "up/out", "concat/out")
    assert len({coded[f"{name}/scale"].raw_data for name in shared}) == 1


def test_unsigned_activations_start_at_zero_after_a_relu(graph, tmp_path):
    quantise(graph, images(1), tmp_path / "int8.onnx")
    coded = weights_of(tmp_path / "int8.onnx")
    assert coded["relu1/out/zero_point"].data_type == TensorProto.UINT8
    assert numpy_helper.to_array(coded["relu1/out/zero_point"]) == 0
    assert numpy_helper.to_array(coded["input/zero_point"]) > 0


def test_onnxruntime_runs_unsigned_convolutions_in_int8(graph, tmp_path):
    import onnxruntime

    quantise(graph, images(1), tmp_path / "int8.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(tmp_path / "int8.onnx"), options)
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("QLinearConv") == 3
    assert "Relu" not in kinds


@pytest.mark.parametrize("opset", [18, 20])
def test_fp8_stays_close(tmp_path, opset):
    plain, out = small_graph(tmp_path / "fp32.onnx", opset), tmp_path / "fp8.onnx"
    quantise(plain, images(2), out, Graph.FP8)
    types = {name: t.data_type for name, t in weights_of(out).items()}
    assert types["second.weight"] == types["third.weight"] == TensorProto.FLOAT8E4M3FN
    # Three input channels are no multiple of 16; TensorRT has no transposed FP8 convolution.
    assert types["first.weight"] == types["up.weight"] == TensorProto.FLOAT
    image = images(1, seed=11)[0]
    (reference,) = ReferenceEvaluator(onnx.load(out)).run(None, {"input": image})
    expected = run(plain, image)
    for got in (reference, run(out, image, optimise=False)):
        difference = np.abs(got - expected)
        assert 1e-4 < difference.max() < 0.1


def test_fp8_has_pairs_before_its_convolutions_only(graph, tmp_path):
    quantise(graph, images(1), tmp_path / "fp8.onnx", Graph.FP8)
    model, values = onnx.load(tmp_path / "fp8.onnx"), weights_of(tmp_path / "fp8.onnx")
    coded = {node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    assert coded == {"pool/out", "concat/out"}
    inputs = {node.name: node.input[0] for node in model.graph.node}
    kept = {"first": "input", "up": "relu2/out", "last": "relu3/out"}
    assert kept.items() <= inputs.items()
    for name in coded:
        zero_point = values[f"{name}/zero_point"]
        assert zero_point.data_type == TensorProto.FLOAT8E4M3FN
        assert not numpy_helper.to_array(zero_point).astype(np.float32).any()
    # The largest value of each output channel is the largest that float8 has.
    for name in ("second", "third"):
        weight = numpy_helper.to_array(weights_of(graph)[f"{name}.weight"])
        largest = np.abs(weight).max(axis=(1, 2, 3))
        scale = numpy_helper.to_array(values[f"{name}.weight/scale"])
        np.testing.assert_allclose(scale, largest / 448, rtol=1e-6)


def test_fp8_needs_channels(tmp_path, monkeypatch):
    monkeypatch.setattr("small_graph.CHANNELS", 8)
    narrow = small_graph(tmp_path / "narrow.onnx")
    with pytest.raises(
        SegtrtError, match=r"no convolution of channels in multiples of 16.*leave fp8 out"
    ):
        quantise(narrow, images(1), tmp_path / "out.onnx", Graph.FP8)


@pytest.mark.parametrize("kind", [Graph.INT8, Graph.FP8])
def test_same_images_same_bytes(graph, tmp_path, kind):
    for name, count in (("a", 2), ("b", 2), ("c", 1)):
        quantise(graph, images(count), tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    properties = {entry.key: entry.value for entry in onnx.load(tmp_path / "a").metadata_props}
    assert properties["segtrt.calibration"] == calibration_digest(images(2))
    assert properties["segtrt.precision"] == kind


def without_sigmoid(path, out):
    """The same network ending in logits."""
    model = read_graph(path)
    del model.graph.node[-1]
    model.graph.node[-1].output[0] = "output"
    write_graph(model, out, {})
    return out


def test_last_convolution_stays_float_where_the_network_ends_in_logits(graph, tmp_path):
    plain = without_sigmoid(graph, tmp_path / "logits.onnx")
    quantise(plain, images(1), tmp_path / "int8.onnx")
    types = {name: t.data_type for name, t in weights_of(tmp_path / "int8.onnx").items()}
    assert types["last.weight"] == TensorProto.FLOAT
    assert types["third.weight"] == TensorProto.INT8


def test_nothing_but_a_last_convolution_is_refused(graph, tmp_path):
    model = read_graph(graph)
    keep = [node for node in model.graph.node if node.name in ("first", "sigmoid")]
    keep[1].input[0] = "first/out"
    model.graph.ClearField("node")
    model.graph.node.extend(keep)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = CHANNELS
    write_graph(model, tmp_path / "narrow.onnx", {})
    with pytest.raises(SegtrtError, match="no convolution to quantise but the last"):
        quantise(tmp_path / "narrow.onnx", images(1), tmp_path / "out.onnx")


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """A graph that computes sizes, shares weights between two nodes and has linear layers."""
    rng = np.random.default_rng(5)
    values = {
        "conv.weight": rng.normal(0, 0.3, (8, 3, 1, 1)),
        "shared.weight": rng.normal(0, 0.3, (8, 8, 1, 1)),
        "linear.weight": rng.normal(0, 0.3, (8, 8)) * np.geomspace(0.01, 1, 8),
        "last.weight": rng.normal(0, 0.3, (2, 8, 1, 1)),
    }
    weights = [numpy_helper.from_array(v.astype(np.float32), name) for name, v in values.items()]
    weights += [
        numpy_helper.from_array(np.array(v, np.int64), name)
        for name, v in {"flat": [0, 8, -1], "two": [2], "four": [4], "zero": [0]}.items()
    ]
    make = onnx.helper.make_node

    def image(name, channels):
        shape = [None, channels, None, None]
        return onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    nodes = [
        make("Conv", ["input", "conv.weight"], ["a"], "conv"),
        make("Relu", ["a"], ["b"], "relu"),
        make("Conv", ["b", "shared.weight"], ["c"], "shared"),
        make("Conv", ["c", "shared.weight"], ["d"], "shared_2"),
        make("Reshape", ["d", "flat"], ["e"], "flat"),
        make("Transpose", ["e"], ["f"], "tokens", perm=[0, 2, 1]),
        make("MatMul", ["f", "linear.weight"], ["g"], "linear"),
        make("Transpose", ["g"], ["h"], "channels", perm=[0, 2, 1]),
        make("Shape", ["input"], ["i"], "shape"),
        make("Slice", ["i", "two", "four", "zero"], ["j"], "sides"),
        make("Shape", ["d"], ["k"], "shape_2"),
        make("Slice", ["k", "zero", "two", "zero"], ["l"], "start"),
        make("Concat", ["l", "j"], ["m"], "sizes", axis=0),
        make("Reshape", ["h", "m"], ["n"], "image"),
        make("Conv", ["n", "last.weight"], ["output"], "last"),
    ]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            nodes,
            "linear",
            [onnx.helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 3, None, None])],
            [
                onnx.helper.make_tensor_value_info(
                    "output", TensorProto.FLOAT, [None, 2, None, None]
                )
            ],
            weights,
        ),
        opset_imports=[onnx.helper.make_opsetid("", 20)],
        ir_version=10,
    )
    path = tmp_path_factory.mktemp("linear") / "fp32.onnx"
    write_graph(model, path, {})
    return path


@pytest.mark.parametrize("kind", [Graph.INT8, Graph.INT8_SIGNED])
def test_sizes_shared_weights_and_linear_layers(linear, tmp_path, kind):
    out = tmp_path / "int8.onnx"
    quantise(linear, images(2), out, kind)
    coded = weights_of(out)
    assert {n: coded[n].data_type for n in ("shared.weight", "linear.weight", "last.weight")} == {
        "shared.weight": TensorProto.INT8,
        "linear.weight": TensorProto.INT8,
        "last.weight": TensorProto.FLOAT,
    }
    scale = numpy_helper.to_array(coded["linear.weight/scale"])
    restored = numpy_helper.to_array(coded["linear.weight"]) * scale
    plain = numpy_helper.to_array(weights_of(linear)["linear.weight"])
    assert (np.abs(restored - plain) < scale * 0.501).all()
    np.testing.assert_allclose(scale, np.abs(plain).max(axis=0) / 127, rtol=1e-6)
    nodes = {node.name: node for node in onnx.load(out).graph.node}
    assert nodes["shared"].input[1] == nodes["shared_2"].input[1] == "shared.weight/dequantised"
    kept = [node for node in nodes.values() if node.op_type in ("Concat", "Shape")]
    assert not any("dequantised" in name for node in kept for name in node.input)
    batch = np.concatenate(images(2, seed=11))
    expected = run(linear, batch)
    error = np.sqrt(np.mean((run(out, batch, optimise=False) - expected) ** 2)) / expected.std()
    assert 1e-4 < error < 0.1
