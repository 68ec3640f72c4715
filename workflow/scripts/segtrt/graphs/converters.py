"""Which tool makes which graph of which network: one table, with a reason in each line.

The reasons are measurements on 14 networks: U-Nets, nnU-Net, DeepLabV3, SegResNet, SegFormer,
SwinUNETR and others, in 2-D and 3-D.

`int8` is for ONNX Runtime and `int8_openvino` for OpenVINO, both with unsigned activations:
OpenVINO 2026.4.1 runs a signed concatenation as unsigned and cuts off what is negative.
`int8_signed`, `fp8`, `fp16` and `bf16` are for TensorRT. OpenVINO's own bf16 and fp16 are hints for
the float32 graph.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError
from segtrt.precision import Graph

if TYPE_CHECKING:
    import onnx


class Trait(StrEnum):
    """What of a network decides which converter does best."""

    PLAIN = "plain"
    """Convolutions whose results go on directly: batch norms are folded into them."""
    NORMED = "normed"
    """Norms are worked out while it runs: instance, group or layer norm."""
    ATTENTION = "attention"
    """Products of activations with activations."""


class Tool(StrEnum):
    """What makes a graph."""

    OWN = "own"
    """`segtrt.graphs.quantise`."""
    STATIC = "onnxruntime"
    """`segtrt.graphs.static_quantisation`."""
    AUTOCAST = "autocast"
    """`segtrt.graphs.modelopt.narrow`."""
    MODELOPT = "modelopt"
    """`segtrt.graphs.modelopt.quantise`."""


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    graph: Graph
    traits: frozenset[Trait]
    tool: Tool
    reason: str
    largest_error: float
    """`Agreement.relative` from which on the conversion is taken for failed."""


_ALL = frozenset(Trait)
_PLAIN = frozenset({Trait.PLAIN})
_ATTENTION = frozenset({Trait.ATTENTION})

_LOST = 1.0
"""As wrong as answering with the mean everywhere. Quantisation was seen to be right with errors up
to 0.84, on networks with random weights, whose answers hardly differ from one place to another."""

TABLE = (
    Line(Graph.FP16, _ALL, Tool.AUTOCAST, "right on all graphs, error at most 0.016", 0.1),
    Line(Graph.BF16, _ALL, Tool.AUTOCAST, "right on all graphs, error at most 0.14", 0.5),
    Line(
        Graph.FP8,
        _PLAIN,
        Tool.OWN,
        "needs no ModelOpt and takes every calibration method; 2.2e-4 of a trained U-Net's labels "
        "flipped, 1.0e-4 by ModelOpt",
        _LOST,
    ),
    Line(Graph.FP8, _ALL - _PLAIN, Tool.MODELOPT, "lowest error on trained U-Nets", _LOST),
    Line(Graph.INT8, _PLAIN, Tool.OWN, "lowest error of all tools, 1.7 to 3 times as fast", _LOST),
    Line(
        Graph.INT8,
        _ALL - _PLAIN,
        Tool.STATIC,
        "with norms between convolutions ONNX Runtime gains only where all is quantised, if at all",
        _LOST,
    ),
    Line(
        Graph.INT8_OPENVINO,
        _ALL,
        Tool.OWN,
        "lowest error; NNCF writes no ONNX graph that OpenVINO reads for linear layers",
        _LOST,
    ),
    Line(Graph.INT8_SIGNED, _ALL - _ATTENTION, Tool.OWN, "lowest error, builds everywhere", _LOST),
    Line(
        Graph.INT8_SIGNED,
        _ATTENTION,
        Tool.MODELOPT,
        "quantises products of attention too",
        _LOST,
    ),
)


def trait_of(model: "onnx.ModelProto") -> Trait:
    """The trait of a normalised float32 graph."""
    weights = {tensor.name for tensor in model.graph.initializer}
    norms = {"InstanceNormalization", "GroupNormalization", "LayerNormalization"}
    kinds = {node.op_type for node in model.graph.node}
    if "Attention" in kinds or any(
        node.op_type == "MatMul" and not weights.intersection(node.input)
        for node in model.graph.node
    ):
        return Trait.ATTENTION
    return Trait.NORMED if kinds & norms else Trait.PLAIN


def choose(graph: Graph, trait: Trait) -> Line:
    """The line of the table for a graph of such a network.

    Raises:
        SegtrtError: it is the float32 graph, which is not converted.
    """
    for line in TABLE:
        if line.graph is graph and trait in line.traits:
            return line
    raise SegtrtError(f"{graph} is the float32 graph itself; there is nothing to convert")
