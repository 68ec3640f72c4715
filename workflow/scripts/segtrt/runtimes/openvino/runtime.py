"""OpenVINO on the CPU: the engine is OpenVINO's exported model."""

from segtrt.machine.facts import Machine
from segtrt.precision import SOURCE, Graph, Precision
from segtrt.runtimes.base import BuildSettings, Colour, Serving
from segtrt.runtimes.cpu.base import CpuRuntime
from segtrt.runtimes.openvino.properties import properties

_EXTENSIONS = {
    Precision.BF16: frozenset({"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}),
    Precision.FP16: frozenset({"amx_fp16", "avx512_fp16", "asimdhp"}),
}
"""CPU extensions of which one is needed for convolutions in that precision."""


class OpenVino(CpuRuntime):
    """OpenVINO's CPU plugin.

    The exported model holds the graph as OpenVINO's common optimisations leave it and is checked
    against OpenVINO's version and the CPU's extensions when it is imported; kernels for the CPU are
    generated then.
    """

    name = "openvino"
    package = "openvino"
    title = "OpenVINO"
    colour = Colour("#c2410c", "#ff9a5c")
    build_modules = ("segtrt.runtimes.openvino.build",)
    run_modules = ("segtrt.runtimes.openvino.run",)

    def graph(self, precision: Precision) -> Graph:
        """bf16 and fp16 are hints for the float32 graph, as exact as a converted one.

        int8 has a graph of its own: what suits ONNX Runtime is not always right in OpenVINO.
        """
        if precision is Precision.INT8:
            return Graph.INT8_OPENVINO
        return SOURCE if precision in _EXTENSIONS else super().graph(precision)

    def unsupported_precision(self, precision: Precision, machine: Machine) -> str | None:
        """It gains by int8 everywhere, by bf16 and fp16 where the CPU computes in them."""
        if precision is Precision.TF32:
            return "TF32 is a mode of NVIDIA GPUs"
        if precision is Precision.FP8:
            return "OpenVINO has no fp8 convolution on the CPU"
        needed = _EXTENSIONS.get(precision)
        if needed and not needed & set(machine.isa.split()):
            return (
                f"the CPU does not compute in {precision} (it has none of "
                f"{', '.join(sorted(needed))})"
            )
        return None

    def serving(self, settings: BuildSettings) -> Serving:
        """Servers build from the graph, with the engine's own properties: they take no exports."""
        return Serving(
            triton={"backend": "openvino"},
            openvino_server={
                name: str(value) for name, value in properties(settings.precision).items()
            },
        )


RUNTIMES = (OpenVino(),)
