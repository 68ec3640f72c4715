"""Latencies of two engines that take turns, so that a machine's drift is in both."""

import time
from collections.abc import Callable

import numpy as np

from segtrt.engines.budget import TimingBudget
from segtrt.engines.gain_file import PairedTimes
from segtrt.engines.timing import MIN_RUNS, refuse_invalid_times, warm_up
from segtrt.runtimes.description import BatchTiming

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
        budget: when warm-up and timing end; its seconds are for both together.
        clock: seconds, for the two limits.

    Raises:
        SegtrtError: a run took no time, or one that is infinite or not a number.
    """
    steps = (plain, lowered)
    for step in steps:
        warm_up(step, budget.warmup_max_seconds / len(steps), clock)
    samples: list[tuple[float, float]] = []
    begin = clock()
    for number in range(budget.iterations):
        found = [0.0, 0.0]
        for which in (number % 2, 1 - number % 2):
            timing = steps[which]()
            refuse_invalid_times(timing, number + 1, batch_size)
            found[which] = timing.total_ms
        samples.append((found[0], found[1]))
        late = budget.max_seconds is not None and clock() - begin >= budget.max_seconds
        if late and len(samples) >= min(MIN_RUNS, budget.iterations):
            break
    first, second = np.array(samples, np.float64).T
    low, middle, high = np.percentile(first - second, [25, 50, 75])
    return PairedTimes(
        plain_ms=float(np.median(first)),
        lowered_ms=float(np.median(second)),
        gain_ms=float(middle),
        spread_ms=float(high - low),
        pairs=len(samples),
    )
