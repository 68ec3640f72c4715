"""Latencies of two engines that take turns, so that a machine's drift is in both."""

import time
from collections.abc import Callable, Sequence
from math import comb

import numpy as np

from segtrt.engines.budget import TimingBudget
from segtrt.engines.gain_file import PairedTimes
from segtrt.engines.timing import refuse_invalid_times, warm_up
from segtrt.runtimes.description import BatchTiming

MIN_PAIRS = 11
"""Fewest pairs before time may be up: a gain of a few per cent takes more runs than a latency."""

_DOUBT = 0.05

Step = Callable[[], BatchTiming]
"""Runs one batch and returns its times."""


def measure_pairs(
    plain: Step,
    lowered: Step,
    *,
    batch_size: int,
    budget: TimingBudget,
    clock: Callable[[], float] = time.perf_counter,
) -> PairedTimes:
    """Warm both up, then time them in turns; which one begins alternates.

    Args:
        plain: the engine to compare with.
        lowered: the other one.
        batch_size: images in the batch, for messages.
        budget: when warm-up and timing end; its seconds are for each of the two.
        clock: seconds, for the two limits.

    Raises:
        SegtrtError: a run took no time, or one that is infinite or not a number.
    """
    steps = (plain, lowered)
    for step in steps:
        warm_up(step, budget.warmup_max_seconds, clock)
    samples: list[tuple[float, float]] = []
    begin = clock()
    for number in range(budget.iterations):
        found = [0.0, 0.0]
        for which in (number % 2, 1 - number % 2):
            timing = steps[which]()
            refuse_invalid_times(timing, number + 1, batch_size)
            found[which] = timing.total_ms
        samples.append((found[0], found[1]))
        late = budget.max_seconds is not None and clock() - begin >= 2 * budget.max_seconds
        if late and len(samples) >= min(MIN_PAIRS, budget.iterations):
            break
    first, second = np.array(samples, np.float64).T
    gains = list(first - second)
    return PairedTimes(
        plain_ms=float(np.median(first)),
        lowered_ms=float(np.median(second)),
        gain_ms=float(np.median(gains)),
        low_ms=lower_end(gains),
        high_ms=-lower_end([-gain for gain in gains]),
        pairs=len(samples),
    )


def lower_end(samples: Sequence[float]) -> float:
    """Lower end of the one-sided 95 % confidence interval of a median.

    It is one of the samples, and supposes nothing of how they are distributed: as many of them lie
    below the true median as a fair coin shows heads.

    Args:
        samples: at least one; below five the lowest stands in for an interval that there is not.
    """
    ordered, below = sorted(samples), 0.0
    for place in range(len(ordered)):
        below += comb(len(ordered), place) / 2 ** len(ordered)
        if below > _DOUBT:
            return float(ordered[max(0, place - 1)])
    return float(ordered[0])
