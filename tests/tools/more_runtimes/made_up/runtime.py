"""A made-up runtime: its engine is the graph itself."""

from segtrt.machine.facts import Machine
from segtrt.precision import Graph, Precision
from segtrt.runtimes.base import Colour
from segtrt.runtimes.cpu.base import CpuRuntime


class MadeUp(CpuRuntime):
    """Takes float32 and signed int8 graphs, and is the first choice of `auto`."""

    name = "made_up"
    title = "Made Up & Co"
    package = "onnx"
    packages = ("ml_dtypes",)
    colour = Colour("#010203", "#fdfeff")
    auto_rank = 1
    build_modules = ("segtrt.runtimes.made_up.build",)
    run_modules = ("segtrt.runtimes.made_up.run",)

    def graph(self, precision: Precision) -> Graph:
        """Its int8 is signed."""
        return Graph.INT8_SIGNED if precision is Precision.INT8 else precision.graph

    def unsupported_precision(self, precision: Precision, machine: Machine) -> str | None:
        """It has two precisions."""
        del machine
        known = (Precision.FP32, Precision.INT8)
        return None if precision in known else f"made up without {precision}"


RUNTIMES = (MadeUp(),)
