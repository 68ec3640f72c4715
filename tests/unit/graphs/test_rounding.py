"""Short floats by rounding."""

import ml_dtypes
import numpy as np
import onnx
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.regions import split_into_regions
from segtrt.graphs.rounding import rounded
from segtrt.graphs.running import GraphRun
from segtrt.machine.facts import this_machine
from segtrt.precision import Precision
from segtrt.runtimes.registry import get_runtime
from small_graph import images, small_graph


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return read_graph(small_graph(tmp_path_factory.mktemp("graph") / "fp32.onnx"))


def run(graph, outputs=()):
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    watched.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs
    )
    return GraphRun(watched, optimise=False).all(images(1, seed=11)[0])


@pytest.mark.parametrize(
    ("precision", "short"), [(Precision.FP16, np.float16), (Precision.BF16, ml_dtypes.bfloat16)]
)
def test_results_within_a_region_are_short_and_others_are_not(model, tmp_path, precision, short):
    regions = split_into_regions(model, 4)
    made = rounded(model, [regions[1]], precision)
    write_graph(made, tmp_path / "a.onnx", {})
    inside = next(node.output[0] for node in model.graph.node if node.name in regions[1].nodes)
    outside = next(node.output[0] for node in model.graph.node if node.name in regions[0].nodes)
    _, within, before = run(made, [inside, outside])
    np.testing.assert_array_equal(within, within.astype(short).astype(np.float32))
    assert (before != before.astype(short).astype(np.float32)).any()


def test_nothing_rounded_is_the_same(model):
    np.testing.assert_array_equal(run(rounded(model, [], Precision.BF16))[0], run(model)[0])


def test_the_last_sigmoid_stays_float32(model):
    whole = rounded(model, split_into_regions(model, 4), Precision.BF16)
    (output,) = run(whole)
    assert (output != output.astype(ml_dtypes.bfloat16).astype(np.float32)).any()


def test_too_large_for_float16_is_infinite(tmp_path):
    model = read_graph(small_graph(tmp_path / "a.onnx", factor=1e6))
    first, *_ = split_into_regions(model, 12)
    _, large = run(rounded(model, [first], Precision.FP16), ["first/out"])
    assert np.isinf(large).any()


def test_only_short_floats_are_rounded_to(model):
    with pytest.raises(SegtrtError, match="int8 is no short float; expected fp16 or bf16"):
        rounded(model, [], Precision.INT8)


@pytest.mark.skipif(
    bool(get_runtime("openvino").unsupported_precision(Precision.BF16, this_machine())),
    reason="this CPU does not compute in bf16",
)
def test_as_far_off_as_the_real_bf16(model, tmp_path):
    """OpenVINO's bf16 rounds in other places, so errors are alike in size, not in every pixel."""
    import openvino

    write_graph(rounded(model, [], Precision.BF16), tmp_path / "fp32.onnx", {})
    batch = images(1, seed=11)[0]
    core = openvino.Core()
    read = core.read_model(tmp_path / "fp32.onnx")
    read.reshape({0: list(batch.shape)})
    real = {
        hint: core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": hint})(batch)[0]
        for hint in ("f32", "bf16")
    }
    lost = np.sqrt(np.mean((real["bf16"] - real["f32"]) ** 2))
    emulated = run(rounded(model, split_into_regions(model, 4), Precision.BF16))[0]
    reported = np.sqrt(np.mean((emulated - real["f32"]) ** 2))
    assert 0.5 * lost < reported < 2 * lost
