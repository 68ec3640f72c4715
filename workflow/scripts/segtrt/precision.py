"""Numeric precision of an engine: the one list of names."""

from enum import StrEnum


class Precision(StrEnum):
    """Precision in which an engine does its convolutions.

    Precision lives in the ONNX graph (`graph`): strongly typed runtimes take it from there. TF32
    is a mode of the float32 graph, so both share one graph.
    """

    FP32 = "fp32"
    TF32 = "tf32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"
    FP8 = "fp8"

    @property
    def graph(self) -> "Precision":
        """The precision of the ONNX graph that an engine of this precision is built from."""
        return Precision.FP32 if self is Precision.TF32 else self

    @property
    def is_quantised(self) -> bool:
        """Whether its graph carries quantise/dequantise pairs and so needs calibration slices."""
        return self in (Precision.INT8, Precision.FP8)
