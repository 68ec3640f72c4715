"""What regions of a made-up network gain and lose."""

from segtrt.engines.gain_file import Gain, PairedTimes
from segtrt.precision import Graph
from segtrt.quality.sensitivity import Loss, Outcome, Sensitivity


def gain(
    region: int | None,
    graph: Graph = Graph.INT8,
    *,
    ms: float = 2.0,
    plain: float = 10.0,
    noise: float = 0.0,
    outcome: Outcome = Outcome.MEASURED,
) -> Gain:
    """What a region gains, of a network that takes `plain` milliseconds in float32.

    Its confidence interval reaches `noise` milliseconds to either side.
    """
    measured = outcome is Outcome.MEASURED
    times = PairedTimes(plain, plain - ms, ms, ms - noise, ms + noise, 9) if measured else None
    return Gain("openvino", graph, region, f"r{region}", 4, outcome, "", times)


def lost(
    region: int,
    graph: Graph = Graph.INT8,
    outcome: Outcome = Outcome.MEASURED,
    *,
    metric_loss: float | None = 0.001,
    flipped_fraction: float = 0.002,
    non_finite: int = 0,
) -> Sensitivity:
    """What it loses: by default 0.001 of the metric and 0.2 % of the labels."""
    loss = Loss(metric_loss, flipped_fraction, 0.1, non_finite, subjects=2, pixels=9)
    measured = loss if outcome is Outcome.MEASURED else None
    return Sensitivity(graph, region, f"r{region}", outcome, loss=measured)
