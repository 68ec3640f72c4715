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
from segtrt.precision import Precision
from small_graph import CHANNELS, images, run, small_graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("graph") / "fp32.onnx")


def weights_of(path):
    return {t.name: t for t in onnx.load(path).graph.initializer}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_int8_stays_close(graph, tmp_path, method, signed):
    out = tmp_path / "int8.onnx"
    quantise(graph, images(3), out, method=method, signed=signed)
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
    quantise(graph, images(1), tmp_path / "int8.onnx", signed=True)
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
    quantise(plain, images(2), out, precision=Precision.FP8)
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


def test_fp8_needs_channels(graph, tmp_path):
    model = read_graph(graph)
    keep = [node for node in model.graph.node if node.name in ("first", "sigmoid")]
    keep[1].input[0] = "first/out"
    model.graph.ClearField("node")
    model.graph.node.extend(keep)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = CHANNELS
    write_graph(model, tmp_path / "narrow.onnx", {})
    with pytest.raises(SegtrtError, match=r"no convolution .* multiples of 16"):
        quantise(
            tmp_path / "narrow.onnx", images(1), tmp_path / "out.onnx", precision=Precision.FP8
        )


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.FP8])
def test_same_images_same_bytes(graph, tmp_path, precision):
    for name, count in (("a", 2), ("b", 2), ("c", 1)):
        quantise(graph, images(count), tmp_path / name, precision=precision)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    properties = {entry.key: entry.value for entry in onnx.load(tmp_path / "a").metadata_props}
    assert properties["segtrt.calibration"] == calibration_digest(images(2))
    assert properties["segtrt.precision"] == precision
