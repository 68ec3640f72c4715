"""Graphs of several precisions, made of regions of others."""

import numpy as np
import onnx
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.mixing import is_changed, mix, taken_from
from segtrt.graphs.proof import run_openvino
from segtrt.graphs.regions import split_into_regions
from segtrt.graphs.running import GraphRun
from segtrt.graphs.static_quantisation import quantise_statically
from segtrt.precision import Graph
from small_graph import images, small_graph

KINDS = [Graph.INT8, Graph.INT8_OPENVINO, Graph.INT8_SIGNED, Graph.FP8]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("graph") / "fp32.onnx")


@pytest.fixture(scope="module")
def converted(source, tmp_path_factory):
    """Each kind of quantised graph of it, read."""
    folder = tmp_path_factory.mktemp("converted")
    for kind in KINDS:
        convert_onnx(source, kind, folder / f"{kind}.onnx", images(1))
    return {kind: read_graph(folder / f"{kind}.onnx") for kind in KINDS}


def run(model):
    return GraphRun(model, optimise=False)(images(1, seed=11)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_all_regions_together_are_the_converted_graph(source, converted, kind):
    model = read_graph(source)
    regions = split_into_regions(model, 4)
    whole = mix(model, regions, converted, dict.fromkeys(range(len(regions)), kind))
    np.testing.assert_array_equal(run(whole), run(converted[kind]))


def test_no_region_is_the_float32_graph(source, converted):
    model = read_graph(source)
    same = mix(model, split_into_regions(model, 4), converted, {})
    assert list(same.graph.node) == list(model.graph.node)


@pytest.mark.parametrize("kind", [Graph.INT8, Graph.FP8])
def test_one_region_changes_what_it_computes_alone(source, converted, kind, tmp_path):
    model, low = read_graph(source), converted[kind]
    regions = split_into_regions(model, 4)
    exact, whole = run(model), run(low)
    errors = []
    for number, region in enumerate(regions):
        one = mix(model, regions, {kind: low}, {number: kind})
        write_graph(one, tmp_path / "a.onnx", {})  # checked in full
        error = np.abs(run(one) - exact).mean()
        assert (error > 0) == is_changed(model, region, kind, low)
        errors.append(error)
        others = {node.name for node in model.graph.node} - set(region.nodes)
        assert others <= {node.name for node in one.graph.node}
    assert 0 < max(errors) < 1.5 * np.abs(whole - exact).mean()


def test_a_node_tells_where_it_was_taken_from(source, converted):
    model = read_graph(source)
    regions = split_into_regions(model, 4)
    made = mix(model, regions, converted, {1: Graph.INT8})
    kept = {node.name for node in made.graph.node if taken_from(node) is None}
    assert kept == {node.name for node in model.graph.node} - set(regions[1].nodes)
    assert {taken_from(node) for node in made.graph.node} == {None, Graph.INT8}
    named = onnx.helper.make_node("Relu", ["a"], ["b"], name="module:0/relu")
    assert taken_from(named) is None


def test_two_precisions_in_one_graph(source, converted):
    model = read_graph(source)
    regions = split_into_regions(model, 4)
    made = mix(model, regions, converted, {0: Graph.INT8, 2: Graph.FP8})
    codes = {tensor.data_type for tensor in made.graph.initializer}
    assert {onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT8E4M3FN} <= codes
    assert np.abs(run(made) - run(model)).mean() < 0.02


def test_the_graph_is_the_same_every_time(source, converted):
    model = read_graph(source)
    regions = split_into_regions(model, 4)
    one, other = (mix(model, regions, converted, {1: Graph.INT8, 2: Graph.INT8}) for _ in range(2))
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)


def test_regions_of_onnxruntimes_own_quantiser(source):
    """It renames more than the project's own, and takes ReLUs away."""
    model, low = read_graph(source), quantise_statically(source, images(1), "minmax")
    regions = split_into_regions(model, 4)
    whole = mix(model, regions, {Graph.INT8: low}, dict.fromkeys(range(4), Graph.INT8))
    np.testing.assert_array_equal(run(whole), run(low))
    for number in range(4):
        one = mix(model, regions, {Graph.INT8: low}, {number: Graph.INT8})
        assert 0 < np.abs(run(one) - run(model)).mean() < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Graph.FP16, Graph.BF16])
def test_regions_of_short_floats_are_cast_at_their_borders(source, tmp_path, kind):
    convert_onnx(source, kind, tmp_path / "low.onnx")
    model, low = read_graph(source), read_graph(tmp_path / "low.onnx")
    regions = split_into_regions(model, 4)
    for number, region in enumerate(regions[:-1]):
        one = mix(model, regions, {kind: low}, {number: kind})
        write_graph(one, tmp_path / "a.onnx", {})
        added = [node.op_type for node in one.graph.node].count("Cast")
        assert added >= 2, region.name
        if kind is Graph.FP16:
            assert 0 < np.abs(run(one) - run(model)).mean() < 1e-2


def test_real_runtimes_compute_what_the_codes_say(source, converted, tmp_path):
    """What regions are judged by is near what engines give: their own error is far smaller."""
    import onnxruntime

    model = read_graph(source)
    regions = split_into_regions(model, 4)
    batch = images(1, seed=11)[0]
    for kind in (Graph.INT8, Graph.INT8_OPENVINO):
        one = mix(model, regions, converted, {1: kind, 2: kind})
        write_graph(one, tmp_path / "a.onnx", {})
        codes = run(one)
        lost = np.abs(codes - run(model)).mean()
        if kind is Graph.INT8:
            session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
            real = session.run(None, {"input": batch})[0]
        else:
            real = run_openvino(tmp_path / "a.onnx")(batch)
        assert np.abs(real - codes).mean() < 0.25 * lost


def test_a_graph_that_lost_the_names_is_reported_in_one_line(source, converted):
    low = onnx.ModelProto()
    low.CopyFrom(converted[Graph.INT8])
    for node in low.graph.node:
        node.input[:] = [f"x{name}" if "relu" in name else name for name in node.input]
        node.output[:] = [f"x{name}" if "relu" in name else name for name in node.output]
    model = read_graph(source)
    with pytest.raises(SegtrtError, match=r"int8 does not keep .* cannot be told apart"):
        mix(model, split_into_regions(model, 4), {Graph.INT8: low}, {0: Graph.INT8})
