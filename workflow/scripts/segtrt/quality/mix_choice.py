"""The fastest mix that keeps a budget of accuracy: an integer programme over regions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from segtrt.engines.gain_file import Gain
from segtrt.precision import Graph
from segtrt.quality.sensitivity import Sensitivity

MIN_GAIN = 0.02
"""Least that a region must gain to be lowered, as a share of the whole network's latency: every
lowered region is one more to lose by."""


@dataclass(frozen=True)
class Option:
    """One region in one precision, as far as both gain and loss are known."""

    region: int
    graph: Graph
    gain: float
    """Share of the whole float32 network's latency in the same job: jobs may find a machine busier
    than others did."""
    low: float
    """Lower end of its 95 % confidence interval."""
    metric_loss: float | None
    """As measured, in the metric's unit; None without ground truth."""
    flipped_fraction: float
    is_finite: bool
    """Whether all outputs were numbers on the search subjects."""

    @property
    def losses(self) -> tuple[float, float]:
        """What counts against a budget: of the metric, 0 where it is not known, and of labels.

        A gain of the metric on a few subjects is luck, and pays for no other region.
        """
        lost = self.metric_loss or 0.0
        # Not `max(0.0, lost)`: that would drop NaN.
        return 0.0 if lost < 0 else lost, self.flipped_fraction


def options_of(gains: Sequence[Gain], sensitivities: Sequence[Sensitivity]) -> list[Option]:
    """Every region in every precision that was both timed and judged, in their order."""
    lost = {(one.region, one.graph): one.loss for one in sensitivities}
    found = []
    for gain in gains:
        loss = lost.get((gain.region, gain.graph))
        if gain.times is not None and loss is not None:
            found.append(
                Option(
                    gain.region,
                    gain.graph,
                    gain.times.gain_ms / gain.times.plain_ms,
                    gain.times.low_ms / gain.times.plain_ms,
                    loss.metric_loss,
                    loss.flipped_fraction,
                    is_finite=not loss.non_finite,
                )
            )
    return sorted(found, key=lambda one: (one.region, list(Graph).index(one.graph)))


def plain_latency(gains: Sequence[Gain]) -> float | None:
    """Latency of the float32 network in milliseconds, over all jobs that timed it; None of none."""
    known = [gain.times.plain_ms for gain in gains if gain.times is not None]
    return median(known) if known else None


def choose(options: Sequence[Option], budget: float) -> Mapping[int, Option]:
    """The options that together gain the most time within the budget, by region.

    A region is lowered once at most. Sums of losses, of the metric and of labels, each stay within
    the budget, to a millionth of it. In float32 stay regions that gain less than `MIN_GAIN`, those
    that may gain nothing for all that was measured, and those whose outputs were not finite.

    Args:
        options: what there is to choose from.
        budget: most that regions may lose together, at least 0.
    """
    worth = [
        one
        for one in options
        if one.gain >= MIN_GAIN
        and one.low > 0
        and one.is_finite
        and all(math.isfinite(loss) and loss <= budget for loss in one.losses)
    ]
    if not worth:
        return {}
    # Imported here: only where there is something to choose is it needed.
    from scipy.optimize import Bounds, LinearConstraint, milp

    regions = sorted({one.region for one in worth})
    once = np.array([[one.region == region for one in worth] for region in regions], float)
    # Shares of the budget, so that the solver's tolerances are shares too. A budget of 0 leaves
    # options without any loss.
    scale = budget or 1.0
    losses = np.array([one.losses for one in worth]).T / scale
    found = milp(
        [-one.gain for one in worth],
        integrality=np.ones(len(worth)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(once, ub=1), LinearConstraint(losses, ub=1)],
        options={"mip_rel_gap": 0},
    )
    if found.x is None:
        raise ValueError(f"the programme has no solution: {found.message}")
    return {one.region: one for one, taken in zip(worth, found.x, strict=True) if taken > 0.5}
