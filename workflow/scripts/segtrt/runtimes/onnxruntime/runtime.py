"""ONNX Runtime on the CPU: the engine is the graph as its optimiser leaves it."""

from segtrt.machine.facts import Machine
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings, Colour, Serving
from segtrt.runtimes.cpu.base import CpuRuntime

_REFUSED = {
    Precision.TF32: "TF32 is a mode of NVIDIA GPUs",
    Precision.FP16: "ONNX Runtime's CPU convolutions compute fp16 graphs in fp32, at no gain",
    Precision.BF16: "ONNX Runtime has no bf16 convolution on the CPU",
    Precision.FP8: "ONNX Runtime has no fp8 convolution on the CPU",
}


class OnnxRuntime(CpuRuntime):
    """ONNX Runtime's CPU execution provider.

    The graph is optimised once, at the level "all", for one batch size. That level lays
    convolutions out for the vector width of the CPU, so an engine belongs to its CPU's extensions;
    it is loaded with optimisation switched off, for nothing is left to do.
    """

    name = "onnxruntime"
    package = "onnxruntime"
    packages = ("onnx",)
    title = "ONNX Runtime"
    colour = Colour("#1f6fd0", "#6aaeff")
    auto_rank = 30
    build_modules = ("segtrt.runtimes.onnxruntime.build",)
    run_modules = ("segtrt.runtimes.onnxruntime.run",)

    def unsupported_precision(
        self,
        precision: Precision,
        machine: Machine,  # noqa: ARG002 - no CPU makes a difference
    ) -> str | None:
        """It gains by int8 alone."""
        return _REFUSED.get(precision)

    def serving(self, settings: BuildSettings) -> Serving:  # noqa: ARG002 - all alike
        """Triton's backend builds from the graph: its ONNX Runtime is another than the engine's."""
        return Serving(triton={"platform": "onnxruntime_onnx"})


RUNTIMES = (OnnxRuntime(),)
