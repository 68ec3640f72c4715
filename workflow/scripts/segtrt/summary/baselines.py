"""What engines' speed is compared with: the fastest way of PyTorch that keeps the tolerances."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from segtrt.config.settings import Tolerance
from segtrt.model.reference_timing_file import Baseline, ReferenceTiming
from segtrt.precision import Precision
from segtrt.quality.failures import METRIC_LOSS, NON_FINITE, Failure
from segtrt.quality.metric_table import METRICS
from segtrt.quality.scores import Errors

Json = dict[str, Any]


class Speedup(NamedTuple):
    """How an engine's images per second compare, at the same batch size."""

    value: float
    """Over the fastest way's."""
    over: str
    """That way's name."""
    over_float32: float
    """Over the reference's own in float32."""


def reference_way(timing: ReferenceTiming) -> str:
    """What the reference's own times are called: `PyTorch eager fp32`, or `ONNX Runtime fp32`."""
    return f"PyTorch eager {Precision.FP32}" if timing.torch else f"ONNX Runtime {Precision.FP32}"


def baseline_entry(one: Baseline, tolerances: Mapping[Precision, Tolerance]) -> Json:
    """The summary's entry of another way of PyTorch.

    Args:
        one: the way.
        tolerances: by precision what its answers may differ by, as an engine's may. A loss of the
            metric is not known of it.
    """
    failures = _failures(one.errors, tolerances[one.precision]) if one.errors else []
    return {
        **asdict(one),
        "name": f"PyTorch {one.name}",
        "precision": str(one.precision),
        "failures": [asdict(failure) for failure in failures],
        "counts": one.errors is not None and not failures,
    }


def _failures(errors: Errors, tolerance: Tolerance) -> list[Failure]:
    values = asdict(errors)
    # Its sample has no calibration items, so it serves for all figures of errors alike.
    figures = {"errors": values, "errors_every_item": values}
    found = [
        metric.failure(value, limit)
        for metric in METRICS
        if metric.name != METRIC_LOSS
        and (limit := tolerance.get(metric.name)) is not None
        and (value := metric.value(figures)) is not None
    ]
    if errors.non_finite:
        found.append(Failure(NON_FINITE, errors.non_finite, 0))
    return [failure for failure in found if failure]


def speedup(timing: Mapping[str, Any] | None, machine: Mapping[str, Any]) -> Speedup | None:
    """An engine's speed-up on its machine; None if it or the reference was not timed at its size.

    Args:
        timing: the engine's.
        machine: the machine's entry in the summary; of its `baselines` those that count are
            compared with.
    """
    if not timing:
        return None
    size = timing["batch_size"]
    ways = [(machine["timed"], machine["timings"])]
    ways += [(one["name"], one["timings"]) for one in machine["baselines"] if one["counts"]]
    speeds = {
        name: own["images_per_second"]
        for name, timings in ways
        for own in timings
        if own["batch_size"] == size
    }
    if machine["timed"] not in speeds:
        return None
    fastest = max(speeds, key=lambda name: speeds[name])
    own = timing["images_per_second"]
    return Speedup(own / speeds[fastest], fastest, own / speeds[machine["timed"]])
