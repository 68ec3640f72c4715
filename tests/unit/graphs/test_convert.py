"""float16 and bfloat16 graphs, and the entry that all conversions share."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from segtrt.errors import SegtrtError
from segtrt.graphs.convert import convert_onnx
from segtrt.precision import Graph, Precision
from small_graph import images, run, small_graph


def weight_types(path):
    return {tensor.name: tensor.data_type for tensor in onnx.load(path).graph.initializer}


@pytest.mark.parametrize("opset", [18, 20, 23])
def test_fp16_is_float16_inside_and_float32_outside(tmp_path, opset):
    graph = small_graph(tmp_path / "fp32.onnx", opset)
    out = tmp_path / "fp16.onnx"
    convert_onnx(graph, Graph.FP16, out)
    model = onnx.load(out)
    assert set(weight_types(out).values()) == {TensorProto.FLOAT16}
    inner = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert inner["concat/out"] == inner["last/out"] == TensorProto.FLOAT16
    edges = [*model.graph.input, *model.graph.output]
    assert {value.type.tensor_type.elem_type for value in edges} == {TensorProto.FLOAT}
    assert model.opset_import[0].version == opset
    batch = np.concatenate(images(3))
    difference = np.abs(run(out, batch) - run(graph, batch)).max()
    assert difference < 1e-2


@pytest.mark.parametrize("opset", [18, 22])
def test_bf16_is_bfloat16_inside(tmp_path, opset):
    graph = small_graph(tmp_path / "fp32.onnx", opset)
    out = tmp_path / "bf16.onnx"
    convert_onnx(graph, Graph.BF16, out)
    model = onnx.load(out)
    types = weight_types(out)
    assert types["first.weight"] == types["third.weight"] == TensorProto.BFLOAT16
    assert types["up.weight"] == TensorProto.FLOAT
    inner = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert inner["concat/out"] == inner["relu1/out"] == TensorProto.BFLOAT16
    assert model.opset_import[0].version == 22
    (image,) = images(1)
    (got,) = ReferenceEvaluator(model).run(None, {"input": image})
    difference = np.abs(got - run(graph, image)).max()
    # Equality would mean that nothing was rounded to bfloat16's 8 bits.
    assert 1e-5 < difference < 5e-2


def test_weight_too_large_for_fp16_is_named(tmp_path):
    graph = small_graph(tmp_path / "fp32.onnx", factor=1e6)
    out = tmp_path / "fp16.onnx"
    with pytest.raises(SegtrtError, match=r"first\.weight .* fp16 holds at most 6\.55e\+04"):
        convert_onnx(graph, Graph.FP16, out)
    assert not out.exists()
    convert_onnx(graph, Graph.BF16, tmp_path / "bf16.onnx")


@pytest.mark.parametrize("precision", [Graph.FP16, Graph.BF16])
def test_same_bytes_twice(tmp_path, precision):
    graph = small_graph(tmp_path / "fp32.onnx")
    for name in ("a", "b"):
        convert_onnx(graph, precision, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    (entry,) = onnx.load(tmp_path / "a").metadata_props
    assert (entry.key, entry.value) == ("segtrt.precision", precision)


@pytest.mark.parametrize("precision", [Precision.FP32.graph, Precision.TF32.graph])
def test_float32_is_not_converted(tmp_path, precision):
    with pytest.raises(SegtrtError, match="nothing to convert"):
        convert_onnx(small_graph(tmp_path / "a"), precision, tmp_path / "b")


@pytest.mark.parametrize("precision", [Graph.INT8, Graph.FP8])
def test_quantised_precisions_need_images(tmp_path, precision):
    with pytest.raises(SegtrtError, match="needs calibration slices"):
        convert_onnx(small_graph(tmp_path / "a"), precision, tmp_path / "b")


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.BF16])
def test_weights_that_are_no_numbers_are_named(tmp_path, precision):
    graph = small_graph(tmp_path / "fp32.onnx", factor=np.nan)
    with pytest.raises(
        SegtrtError, match=r"first\.weight has weights that are infinite or not num"
    ):
        convert_onnx(graph, precision, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
