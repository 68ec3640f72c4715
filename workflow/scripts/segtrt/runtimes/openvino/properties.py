"""OpenVINO's properties for building and for reading back, which must agree."""

from typing import Any

from segtrt.precision import Precision


def properties(precision: Precision) -> dict[str, Any]:
    """How OpenVINO compiles an engine, and how it imports it: the exported model keeps none of it.

    Without the hint OpenVINO would compute float32 graphs in bf16 wherever the CPU has it. An int8
    graph's other operations are float32.
    """
    hints = {Precision.BF16: "bf16", Precision.FP16: "f16"}
    return {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hints.get(precision, "f32")}
