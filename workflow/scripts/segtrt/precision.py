"""Precisions of engines, and the ONNX graphs that carry them: each described once, here.

To add one is to add a member, at the place where people expect it: tables, legends and lists follow
the order of the members, and charts give each precision its looks by its place.
"""

from enum import StrEnum
from typing import NamedTuple, Self


class Quantised(NamedTuple):
    """How the activations of a quantised graph are coded."""

    signed: bool
    """Whether codes are signed, with a zero point of 0."""


class Graph(StrEnum):
    """An ONNX graph that engines are built from; its value names its folder under `results/onnx`.

    Strongly typed runtimes take the precision from the graph.
    """

    label: str
    """Its name for people."""
    quantised: Quantised | None
    """Its activations' codes if it has quantise/dequantise pairs; calibration images decide it."""
    budget: int | None
    """Of a mix of the others: which of `precision_search.max_loss` it keeps to, from 0."""

    def __new__(
        cls,
        value: str,
        label: str = "",
        quantised: Quantised | None = None,
        budget: int | None = None,
    ) -> Self:
        """A graph's name, its name for people if that is another one, its codes and its budget."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label or value
        member.quantised = quantised
        member.budget = budget
        return member

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8", "int8, unsigned activations", Quantised(signed=False)
    INT8_OPENVINO = (
        "int8_openvino",
        "int8, unsigned activations, for OpenVINO",
        Quantised(signed=False),
    )
    INT8_SIGNED = "int8_signed", "int8, signed activations", Quantised(signed=True)
    FP8 = "fp8", "", Quantised(signed=True)
    MIXED = "mixed", "", None, 0
    MIXED_B2 = "mixed_b2", "mixed, second budget", None, 1
    MIXED_B3 = "mixed_b3", "mixed, third budget", None, 2

    @property
    def precision(self) -> "Precision":
        """The precision that it carries; of several that share it the first."""
        return next(precision for precision in Precision if self in precision.graphs)


class Precision(StrEnum):
    """Precision in which an engine does its convolutions.

    TF32 is a mode of the float32 graph, so both share one graph. A mix is float32 with regions in
    lower precisions, chosen for each runtime and machine (`segtrt.quality.mix_choice`).
    """

    graphs: tuple[Graph, ...]
    """The graphs that carry it; the first is the one that runtimes take unless they say other."""

    def __new__(cls, value: str, *graphs: Graph) -> Self:
        """A precision's name, and its graphs."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.graphs = graphs
        return member

    FP32 = "fp32", Graph.FP32
    TF32 = "tf32", Graph.FP32
    FP16 = "fp16", Graph.FP16
    BF16 = "bf16", Graph.BF16
    INT8 = "int8", Graph.INT8, Graph.INT8_OPENVINO, Graph.INT8_SIGNED
    FP8 = "fp8", Graph.FP8
    MIXED = "mixed", Graph.MIXED
    MIXED_B2 = "mixed_b2", Graph.MIXED_B2
    MIXED_B3 = "mixed_b3", Graph.MIXED_B3

    @property
    def graph(self) -> Graph:
        """The graph that an engine of this precision is built from, unless its runtime differs."""
        return self.graphs[0]

    @property
    def is_quantised(self) -> bool:
        """Whether its graphs carry quantise/dequantise pairs and so need calibration images."""
        return self.graph.quantised is not None

    @property
    def is_mix(self) -> bool:
        """Whether regions of the network differ in precision."""
        return self.graph.budget is not None

    @property
    def judged_as(self) -> "Precision":
        """The precision whose tolerances it must keep: all mixes share one's."""
        return Precision.MIXED if self.is_mix else self


SOURCE = Graph.FP32
"""The graph that the network is exported to, and that all others are converted from."""

MIXES = tuple(precision for precision in Precision if precision.is_mix)
"""The mixes, one for each budget, in their order."""

CONVERTED = tuple(graph for graph in Graph if graph is not SOURCE and graph.budget is None)
"""The graphs that are converted from it, and that mixes take regions from."""

CODED = tuple(graph for graph in CONVERTED if graph.quantised is not None)
"""Those of them that are quantised."""
