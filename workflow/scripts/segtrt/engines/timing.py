"""Latency of one batch: warm-up, timed runs, statistics and whether they can be trusted."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from segtrt.engines.budget import TimingBudget
from segtrt.engines.timing_file import Stats, TimingResult
from segtrt.errors import SegtrtError
from segtrt.progress import track
from segtrt.runtimes.description import BatchTiming

MIN_RUNS = 5
"""Fewest runs before `max_seconds` may stop a timing, and fewest that stability is judged from."""

_WINDOW_RUNS = 3
_WINDOW_SECONDS = 0.05
_SETTLED_CHANGE = 0.03
_MAX_SPREAD = 0.10
_MAX_DRIFT = 0.05


def measure(
    step: Callable[[], BatchTiming],
    *,
    batch_size: int,
    budget: TimingBudget,
    clock: Callable[[], float] = time.perf_counter,
) -> TimingResult:
    """Warm up, then time `step` over and over.

    Warm-up runs in windows of at least 3 runs and 50 ms, and ends when a window's median is within
    3 % of the one before, or after `budget.warmup_max_seconds`; never before 2 runs.

    Args:
        step: runs one batch and returns its times.
        batch_size: images in the batch.
        budget: when warm-up and timing end.
        clock: seconds, for the two limits.

    Raises:
        SegtrtError: a run took no time, or one that is infinite or not a number.
    """
    warmup_iterations, settled = warm_up(step, budget.warmup_max_seconds, clock)
    timings: list[BatchTiming] = []
    begin = clock()
    runs = budget.iterations
    for _ in track(range(runs), f"timing batch {batch_size}", runs, "runs"):
        timings.append(step())
        late = budget.max_seconds is not None and clock() - begin >= budget.max_seconds
        if late and len(timings) >= min(MIN_RUNS, runs):
            break
    samples = [timing.total_ms for timing in timings]
    for number, timing in enumerate(timings, 1):
        refuse_invalid_times(timing, number, batch_size)
    reason = instability(samples)
    total = statistics(samples)
    return TimingResult(
        batch_size=batch_size,
        iterations=len(samples),
        warmup_iterations=warmup_iterations,
        warmup_settled=settled,
        stable=not reason,
        unstable_reason=reason,
        images_per_second=batch_size / total.median * 1000,
        total=total,
        run=statistics([timing.run_ms for timing in timings]),
        copy_in=_optional_stats([timing.copy_in_ms for timing in timings]),
        copy_out=_optional_stats([timing.copy_out_ms for timing in timings]),
        samples_ms=samples,
    )


def statistics(samples_ms: Sequence[float]) -> Stats:
    """Statistics of at least one sample.

    A percentile p needs 1 / (1 - p) samples, else it would only repeat the maximum.
    """
    values = np.asarray(samples_ms, np.float64)
    count = len(values)
    return Stats(
        mean=float(values.mean()),
        median=float(np.median(values)),
        std=float(values.std(ddof=1)) if count > 1 else None,
        min=float(values.min()),
        max=float(values.max()),
        p90=float(np.percentile(values, 90)) if count >= 10 else None,
        p99=float(np.percentile(values, 99)) if count >= 100 else None,
    )


def instability(samples_ms: Sequence[float]) -> str:
    """Why a series of times should not be trusted, in one line; empty if it can be.

    It is unstable if there are fewer than 5 runs, if the middle half of the runs spreads (third
    quartile less first) over more than 10 % of the median, or if the medians of its first and
    second half differ by more than 5 %.
    """
    count = len(samples_ms)
    if count < MIN_RUNS:
        return f"only {count} runs; {MIN_RUNS} are needed to judge stability"
    useless = [sample for sample in samples_ms if not 0 < sample < float("inf")]
    if useless:
        return f"a run took {useless[0]} ms"
    low, median, high = np.percentile(samples_ms, [25, 50, 75])
    spread = (high - low) / median
    if not spread <= _MAX_SPREAD:
        return (
            f"the middle half of the runs spreads over {spread:.0%} of the median, "
            f"above {_MAX_SPREAD:.0%}"
        )
    first, second = np.median(samples_ms[: count // 2]), np.median(samples_ms[count // 2 :])
    drift = second / first - 1
    if not abs(drift) <= _MAX_DRIFT:
        return (
            f"times drifted by {drift:+.0%} from the first to the second half of the runs, "
            f"more than {_MAX_DRIFT:.0%}"
        )
    return ""


def published_line(batch_size: int, iterations: int, mean_ms: float) -> str:
    """The line that NVIDIA's TensorRT introduction prints for a timed batch."""
    return f"Inference batch size {batch_size} average over {iterations} runs is {mean_ms:.6g}ms"


def warm_up(
    step: Callable[[], BatchTiming], max_seconds: float, clock: Callable[[], float]
) -> tuple[int, bool]:
    """Run `step` until its times settle; returns the runs done and whether they settled."""
    begin = window_begin = clock()
    runs = 0
    window: list[float] = []
    previous: float | None = None
    while True:
        window.append(step().total_ms)
        runs += 1
        now = clock()
        if len(window) >= _WINDOW_RUNS and now - window_begin >= _WINDOW_SECONDS:
            median = float(np.median(window))
            if previous is not None and abs(median - previous) <= _SETTLED_CHANGE * previous:
                return runs, True
            previous, window, window_begin = median, [], now
        if runs >= 2 and now - begin >= max_seconds:
            return runs, False


def refuse_invalid_times(timing: BatchTiming, number: int, batch_size: int) -> None:
    """Refuse times that statistics would pass on without a word."""
    parts = (timing.run_ms, timing.copy_in_ms, timing.copy_out_ms)
    sound = all(part is None or 0 <= part < float("inf") for part in parts)
    if not (sound and 0 < timing.total_ms < float("inf")):
        raise SegtrtError(
            f"run {number} of batch {batch_size} took {timing.total_ms} ms (in parts: "
            f"{', '.join(str(part) for part in parts if part is not None)}), expected a number "
            "above zero; the clock cannot be trusted: run it again"
        )


def _optional_stats(samples_ms: Sequence[float | None]) -> Stats | None:
    present = [sample for sample in samples_ms if sample is not None]
    return statistics(present) if present else None
