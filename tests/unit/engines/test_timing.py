"""Timing statistics, warm-up, early stop and stability, on scripted clocks."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segtrt.engines.budget import TimingBudget
from segtrt.engines.timing import instability, measure, published_line, statistics
from segtrt.engines.timing_file import TimingResult
from segtrt.errors import SegtrtError
from segtrt.formats import from_json
from segtrt.runtimes.base import BatchTiming


class Scripted:
    """A step whose runs take the scripted milliseconds on a clock that only they move."""

    def __init__(self, times_ms: Iterable[float], copies: bool = False) -> None:
        self.times: Iterator[float] = iter(times_ms)
        self.copies = copies
        self.now = 0.0
        self.calls = 0

    def clock(self) -> float:
        return self.now

    def step(self) -> BatchTiming:
        self.calls += 1
        duration = next(self.times)
        self.now += duration / 1000
        if self.copies:
            return BatchTiming(duration / 2, copy_in_ms=duration / 4, copy_out_ms=duration / 4)
        return BatchTiming(duration)


def forever(*times_ms: float) -> Iterator[float]:
    """The given times, the last one without end."""
    yield from times_ms
    while True:
        yield times_ms[-1]


def timed(
    times_ms: Iterable[float],
    iterations: int = 30,
    max_seconds: float | None = None,
    warmup_max_seconds: float = 1.0,
    copies: bool = False,
) -> TimingResult:
    script = Scripted(times_ms, copies)
    return measure(
        script.step,
        batch_size=4,
        budget=TimingBudget(iterations, max_seconds, warmup_max_seconds),
        clock=script.clock,
    )


def test_statistics_agree_with_numpy() -> None:
    samples = np.random.default_rng(0).gamma(9, 1, 250)
    stats = statistics(samples.tolist())
    assert stats.mean == pytest.approx(np.mean(samples))
    assert stats.median == pytest.approx(np.median(samples))
    assert stats.std == pytest.approx(np.std(samples, ddof=1))
    assert stats.min == samples.min()
    assert stats.max == samples.max()
    assert stats.p90 == pytest.approx(np.percentile(samples, 90))
    assert stats.p99 == pytest.approx(np.percentile(samples, 99))


@pytest.mark.parametrize(
    ("count", "has_p90", "has_p99"),
    [(1, False, False), (9, False, False), (10, True, False), (99, True, False), (100, True, True)],
)
def test_percentiles_need_enough_samples(count: int, has_p90: bool, has_p99: bool) -> None:
    stats = statistics([1.0 + i for i in range(count)])
    assert (stats.p90 is not None, stats.p99 is not None) == (has_p90, has_p99)
    assert (stats.std is None) == (count == 1)


@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=120))
def test_statistics_are_ordered(samples: list[float]) -> None:
    stats = statistics(samples)
    ordered = [stats.min, stats.median, stats.p90, stats.p99, stats.max]
    present = [value for value in ordered if value is not None]
    assert all(a <= b * (1 + 1e-12) for a, b in itertools.pairwise(present))


def test_warm_up_is_not_in_the_samples() -> None:
    result = timed(forever(900, 400, 100, 20), warmup_max_seconds=10)
    assert result.warmup_settled
    assert set(result.samples_ms) == {20}
    assert result.iterations == 30
    assert result.total.median == 20
    assert result.images_per_second == pytest.approx(200)


def test_warm_up_windows_last_long_enough_on_a_fast_engine() -> None:
    """Runs of 0.5 ms: three of them say nothing about a clock that is still rising."""
    result = timed(forever(0.5), warmup_max_seconds=10)
    assert result.warmup_settled
    assert result.warmup_iterations == pytest.approx(200, abs=2)


def test_warm_up_ends_with_its_time_if_times_never_settle() -> None:
    growing = (float(2 + 2 * i) for i in range(1000))
    result = timed(growing, iterations=5, warmup_max_seconds=0.5)
    assert not result.warmup_settled
    assert result.warmup_iterations == 22  # 2 + 4 + ... + 44 = 506 ms


def test_warm_up_does_two_runs_at_least() -> None:
    assert timed(forever(5000), iterations=1, warmup_max_seconds=0).warmup_iterations == 2


@pytest.mark.parametrize(
    ("iterations", "max_seconds", "done"),
    [(30, 1.0, 10), (30, 0.1, 5), (3, 0.1, 3), (30, None, 30), (30, 100.0, 30)],
)
def test_early_stop(iterations: int, max_seconds: float | None, done: int) -> None:
    result = timed(forever(100), iterations=iterations, max_seconds=max_seconds)
    assert result.iterations == len(result.samples_ms) == done


def test_copies_are_separate_and_absent_where_there_are_none() -> None:
    with_copies = timed(forever(8), copies=True)
    assert with_copies.copy_in is not None and with_copies.copy_out is not None
    assert (with_copies.total.median, with_copies.run.median) == (8, 4)
    assert (with_copies.copy_in.median, with_copies.copy_out.median) == (2, 2)
    without = timed(forever(8))
    assert without.copy_in is None and without.copy_out is None
    assert without.total == without.run


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([10.0] * 30, ""),
        ([10.0] * 29 + [90.0], ""),
        ([10.0, 13.0] * 15, "spreads over 26%"),
        ([10.0] * 15 + [10.8] * 15, "drifted by +8%"),
        ([10.8] * 15 + [10.0] * 15, "drifted by -7%"),
        ([10.0] * 4, "only 4 runs"),
    ],
)
def test_stability(samples: list[float], words: str) -> None:
    reason = instability(samples)
    if words:
        assert words in reason
    else:
        assert reason == ""


def test_unstable_runs_are_marked() -> None:
    warm = [20.0] * 6
    result = timed([*warm, *[20.0] * 15, *[25.0] * 15])
    assert not result.stable
    assert "spreads" in result.unstable_reason or "drifted" in result.unstable_reason
    assert timed(forever(20)).stable


@pytest.mark.parametrize("copies", [False, True])
def test_json_round_trip(copies: bool) -> None:
    result = timed(forever(8), iterations=12, copies=copies)
    assert from_json(TimingResult, json.loads(json.dumps(asdict(result)))) == result


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"colour": "blue"}, "colour is not known"),
        ({"total": {"mean": 1.0}}, r"total\.median is missing"),
        ({"samples_ms": [1.0, "2"]}, r"samples_ms\[1\] is '2', expected a number"),
    ],
)
def test_unknown_json_is_refused(change: dict[str, object], fault: str) -> None:
    data = {**asdict(timed(forever(8))), **change}
    with pytest.raises(ValueError, match=fault):
        from_json(TimingResult, data)


def test_published_line() -> None:
    line = "Inference batch size 4 average over 10 runs is 6.86188ms"
    assert published_line(4, 10, 6.861878) == line
    assert published_line(3, 10, 5.23616) == line.replace("4 a", "3 a").replace(
        "6.86188", "5.23616"
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_time_that_is_no_time_is_refused(bad: float) -> None:
    times = iter([10.0] * 40)

    def step() -> BatchTiming:
        return BatchTiming(next(times, bad))

    with pytest.raises(SegtrtError, match=r"of batch 4 took .* expected a number above zero"):
        measure(step, batch_size=4, budget=TimingBudget(60, None, 0.0))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_times_that_are_no_numbers_are_unstable(bad: float) -> None:
    assert instability([10.0, 10.0, 10.0, 10.0, bad, bad, bad])
    assert instability([bad] * 7)
