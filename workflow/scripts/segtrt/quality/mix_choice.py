"""The fastest mix that keeps a budget of accuracy: an integer programme over regions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import numpy as np

from segtrt.engines.gain_file import Gain
from segtrt.precision import Graph
from segtrt.quality.mix_file import MIN_GAIN, Join, Option
from segtrt.quality.sensitivity import Sensitivity


def options_of(gains: Sequence[Gain], sensitivities: Sequence[Sensitivity]) -> list[Option]:
    """Every region in every precision that was both timed and judged, in their order."""
    lost = {(one.region, one.graph): one.loss for one in sensitivities}
    found = []
    for gain in gains:
        loss = None if gain.region is None else lost.get((gain.region, gain.graph))
        if gain.region is not None and gain.times is not None and loss is not None:
            found.append(
                Option(
                    gain.region,
                    gain.graph,
                    gain.times.sure_gain,
                    loss.metric_loss,
                    loss.flipped_fraction,
                    is_finite=not loss.non_finite,
                )
            )
    return sorted(found, key=lambda one: (one.region, list(Graph).index(one.graph)))


def joins_of(gains: Sequence[Gain]) -> list[Join]:
    """What neighbours save in each precision: what the whole network gains beyond single regions.

    Alone, a region pays for conversions at both ends; all together, they are paid for at the ends
    of the network only. The difference is shared among the pairs of neighbours.
    """
    found = []
    for graph in dict.fromkeys(gain.graph for gain in gains):
        own = [gain for gain in gains if gain.graph is graph and gain.times is not None]
        times = {one.region: one.times for one in own if one.times is not None}
        whole = times.pop(None, None)
        pairs = sum(region + 1 in times for region in times if region is not None)
        if whole is not None and pairs:
            alone = sum(one.sure_gain for one in times.values())
            together = whole.gain if whole.low_ms > 0 else 0.0
            found.append(Join(graph, max(0.0, together - alone) / pairs))
    return found


def plain_latency(gains: Sequence[Gain]) -> float | None:
    """Latency of the float32 network in milliseconds, over all jobs that timed it; None of none."""
    known = [gain.times.plain_ms for gain in gains if gain.times is not None]
    return median(known) if known else None


def total_gain(chosen: Iterable[Option], joins: Sequence[Join]) -> float:
    """What regions gain together, as a share of the float32 network's latency."""
    saved = {join.graph: join.gain for join in joins}
    graphs = {one.region: one for one in chosen}
    return sum(
        one.gain + (saved.get(one.graph, 0.0) if _follows(one, graphs) else 0.0)
        for one in graphs.values()
    )


def _follows(one: Option, chosen: Mapping[int, Option]) -> bool:
    """Whether the region before it is in the same precision."""
    before = chosen.get(one.region - 1)
    return before is not None and before.graph is one.graph


def choose(
    options: Sequence[Option], budget: float, joins: Sequence[Join] = ()
) -> Mapping[int, Option]:
    """The options that together gain the most time within the budget, by region.

    A region is lowered once at most. Sums of losses, of the metric and of labels, each stay within
    the budget, to a millionth of it. Each run of neighbours in one precision is charged `MIN_GAIN`,
    so none gains less. Regions whose outputs were not finite stay in float32.

    Args:
        options: what there is to choose from.
        budget: most that regions may lose together, at least 0.
        joins: what neighbours in one precision save.
    """
    known = [
        one
        for one in options
        if one.is_finite and all(math.isfinite(loss) and loss <= budget for loss in one.losses)
    ]
    if not known:
        return {}
    # Imported here: only where there is something to choose is it needed.
    from scipy.optimize import Bounds, LinearConstraint, milp

    saved = {join.graph: join.gain for join in joins}
    places = {(one.region, one.graph): place for place, one in enumerate(known)}
    pairs = [
        (place, places[one.region + 1, one.graph])
        for place, one in enumerate(known)
        if (one.region + 1, one.graph) in places
    ]
    # Variables: whether each option is taken, then whether both of each pair are.
    worth = [one.gain - MIN_GAIN for one in known]
    worth += [saved.get(known[first].graph, 0.0) + MIN_GAIN for first, _ in pairs]
    regions = sorted({one.region for one in known})
    once = np.zeros((len(regions), len(worth)))
    for place, one in enumerate(known):
        once[regions.index(one.region), place] = 1
    both = np.zeros((2 * len(pairs), len(worth)))
    for number, pair in enumerate(pairs):
        for side, place in enumerate(pair):
            both[2 * number + side, [len(known) + number, place]] = 1, -1
    # Shares of the budget, so that the solver's tolerances are shares too. A budget of 0 leaves
    # options without any loss.
    losses = np.zeros((2, len(worth)))
    losses[:, : len(known)] = np.array([one.losses for one in known]).T / (budget or 1.0)
    limits = [LinearConstraint(once, ub=1), LinearConstraint(losses, ub=1)]
    found = milp(
        [-one for one in worth],
        integrality=np.ones(len(worth)),
        bounds=Bounds(0, 1),
        constraints=[*limits, *([LinearConstraint(both, ub=0)] if pairs else [])],
        options={"mip_rel_gap": 0},
    )
    if found.x is None:
        raise ValueError(f"the programme has no solution: {found.message}")
    return {one.region: one for one, taken in zip(known, found.x, strict=False) if taken > 0.5}
