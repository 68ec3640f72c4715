"""The table of converters."""

import onnx
import pytest
from onnx import helper
from segtrt.errors import SegtrtError
from segtrt.graphs.converters import TABLE, Tool, Trait, choose, trait_of
from segtrt.precision import CONVERTED, SOURCE, Graph
from tiny_networks import onnx_graph, weight


@pytest.mark.parametrize("graph", CONVERTED)
@pytest.mark.parametrize("trait", Trait)
def test_exactly_one_line_for_each_graph_of_each_network(graph, trait):
    lines = [line for line in TABLE if line.graph is graph and trait in line.traits]
    assert lines == [choose(graph, trait)]
    assert lines[0].reason
    assert "\n" not in lines[0].reason


def test_openvino_never_gets_a_signed_graph():
    assert not Graph.INT8_OPENVINO.quantised.signed
    tools = {line.tool for line in TABLE if line.graph is Graph.INT8_OPENVINO}
    # ModelOpt's graphs are signed, whatever they are called.
    assert tools == {Tool.OWN}


def test_fp8_of_plain_convolutions_needs_no_modelopt():
    assert choose(Graph.FP8, Trait.PLAIN).tool is Tool.OWN
    others = {choose(Graph.FP8, trait).tool for trait in Trait if trait is not Trait.PLAIN}
    assert others == {Tool.MODELOPT}


def test_the_float32_graph_is_not_converted():
    with pytest.raises(SegtrtError, match="nothing to convert"):
        choose(SOURCE, Trait.PLAIN)


def node(kind, given, made, **attributes):
    return helper.make_node(kind, given.split(), [made], **attributes)


CONV = node("Conv", "x w", "a")


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([CONV, node("Relu", "a", "y")], Trait.PLAIN),
        ([CONV, node("InstanceNormalization", "a v v", "y")], Trait.NORMED),
        ([CONV, node("GroupNormalization", "a v v", "y", num_groups=1)], Trait.NORMED),
        ([CONV, node("MatMul", "a m", "y")], Trait.PLAIN),
        (
            [CONV, node("MatMul", "a a", "b"), node("LayerNormalization", "b m", "y")],
            Trait.ATTENTION,
        ),
    ],
)
def test_traits(tmp_path, nodes, expected):
    weights = {"w": weight(2, 3, 1, 1), "v": weight(2), "m": weight(8, 8)}
    path = onnx_graph(tmp_path / "a.onnx", nodes, weights, given=(1, 3, 8, 8), opset=21)
    assert trait_of(onnx.load(path)) is expected
