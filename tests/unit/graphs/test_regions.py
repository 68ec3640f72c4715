"""Regions: every node in one, in order, the same every time."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from segtrt.graphs.regions import borders, read_by, split_into_regions
from small_graph import small_graph
from tiny_unet_graphs import write_tiny_unet


def model_of(nodes, outputs):
    weight = numpy_helper.from_array(np.zeros((1, 1, 1, 1), np.float32), "w")
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


@st.composite
def networks(draw):
    """Any graph in an order in which it can run: each node reads one or two earlier results."""
    made, nodes = ["input"], []
    for place in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["Conv", "Relu", "Add", "Shape"]))
        sources = [draw(st.sampled_from(made)) for _ in range(2 if kind == "Add" else 1)]
        module = "/".join(draw(st.lists(st.sampled_from("ab"), max_size=2)))
        name = f"{module}/n{place}" if module else f"n{place}"
        reads = [*sources, *(["w"] if kind == "Conv" else [])]
        nodes.append(helper.make_node(kind, reads, [f"{name}/out"], name=name))
        made.append(f"{name}/out")
    return model_of(nodes, [made[-1], draw(st.sampled_from(made[1:]))])


def check(model, most):
    regions = split_into_regions(model, most)
    assert 1 <= len(regions) <= most
    nodes = [node.name for node in model.graph.node]
    assert [name for region in regions for name in region.nodes] == nodes
    assert all(region.nodes for region in regions)
    assert len({region.name for region in regions}) == len(regions)
    # Run region by region, with what earlier ones gave alone.
    known = {node.name: node for node in model.graph.node}
    weights = {tensor.name for tensor in model.graph.initializer}
    given_out = {"input"}
    for region in regions:
        assert set(region.inputs) <= given_out
        inside = set(region.inputs) | weights
        for name in region.nodes:
            assert set(read_by(known[name])) <= inside
            inside.update(known[name].output)
        assert set(region.outputs) <= inside
        given_out |= set(region.outputs)
    assert {value.name for value in model.graph.output} <= given_out
    return regions


@settings(deadline=None, max_examples=60)
@given(networks(), st.integers(1, 8))
def test_regions_of_any_graph(model, most):
    regions = check(model, most)
    again = onnx.load_from_string(model.SerializeToString())
    assert split_into_regions(again, most) == regions


@pytest.mark.parametrize("write", [small_graph, write_tiny_unet])
@pytest.mark.parametrize("most", [1, 2, 3, 12])
def test_regions_of_networks(tmp_path, write, most):
    model = onnx.load(write(tmp_path / "a.onnx"))
    convolutions = sum(node.op_type in ("Conv", "ConvTranspose") for node in model.graph.node)
    assert len(check(model, most)) == min(most, convolutions)


def test_cuts_lie_where_few_tensors_cross(tmp_path):
    """The skip connection crosses as one tensor: after its ReLU, before the pooling."""
    model = onnx.load(small_graph(tmp_path / "a.onnx"))
    one, other = split_into_regions(model, 2)
    assert one.nodes[-1] in ("relu1", "relu2", "concat")
    assert len(one.outputs) == len(other.inputs) <= 2
    first, *_ = split_into_regions(model, 12)
    assert first.nodes == ("first", "relu1")
    assert first.outputs == ("relu1/out",)


def test_regions_are_called_after_modules():
    kinds = ["enc/1/conv", "enc/1/act", "enc/2/conv", "mid/conv", "dec/1/conv", "dec/2/conv"]
    nodes, last = [], "input"
    for name in kinds:
        kind = "Relu" if name.endswith("act") else "Conv"
        reads = [last, "w"] if kind == "Conv" else [last]
        nodes.append(helper.make_node(kind, reads, [f"{name}/out"], name=name))
        last = f"{name}/out"
    model = model_of(nodes, [last])
    assert [one.name for one in split_into_regions(model, 3)] == ["enc", "mid", "dec"]
    assert [one.name for one in split_into_regions(model, 1)] == ["enc to dec"]
    assert [one.name for one in split_into_regions(model, 5)] == [
        *("enc/1", "enc/2", "mid", "dec/1", "dec/2")
    ]


def test_a_graph_without_convolutions_is_one_region():
    nodes = [helper.make_node("Relu", ["input"], ["x"], name="relu")]
    (only,) = check(model_of(nodes, ["x"]), 12)
    assert only.nodes == ("relu",)


def test_tensors_that_inner_graphs_read_cross_borders():
    inner = helper.make_graph(
        [helper.make_node("Relu", ["a"], ["t"], name="inner")],
        "then",
        [],
        [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["a"], name="one"),
        helper.make_node("Shape", ["input"], ["c"], name="condition"),
        helper.make_node("If", ["c"], ["b"], name="if", then_branch=inner, else_branch=inner),
    ]
    model = model_of(nodes, ["b"])
    assert set(read_by(nodes[-1])) == {"c", "a"}
    assert borders(model, nodes[:1]) == (("input",), ("a",))
    assert borders(model, nodes[2:]) == (("c", "a"), ("b",))
