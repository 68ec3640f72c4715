"""Two engines that take turns, on scripted clocks."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segtrt.engines.budget import TimingBudget
from segtrt.engines.paired_timing import lower_end, measure_pairs
from segtrt.errors import SegtrtError
from segtrt.runtimes.base import BatchTiming


class Machine:
    """Two engines on one clock, which goes slower and slower by `drift` a run."""

    def __init__(self, plain=10.0, lowered=8.0, drift=0.0):
        self.times = {"plain": plain, "lowered": lowered}
        self.drift, self.factor, self.now = drift, 1.0, 0.0
        self.order = []

    def clock(self):
        return self.now

    def step(self, name):
        def run():
            self.order.append(name)
            self.factor += self.drift
            duration = self.times[name] * self.factor
            self.now += duration / 1000
            return BatchTiming(duration)

        return run

    def measure(self, iterations=20, max_seconds=None, warmup=0.2):
        return measure_pairs(
            self.step("plain"),
            self.step("lowered"),
            batch_size=4,
            budget=TimingBudget(iterations, max_seconds, warmup),
            clock=self.clock,
        )


def test_the_gain_is_the_difference():
    found = Machine().measure()
    assert (found.plain_ms, found.lowered_ms) == (10.0, 8.0)
    assert (found.gain_ms, found.low_ms, found.high_ms) == pytest.approx((2.0, 2.0, 2.0))
    assert found.pairs == 20
    assert Machine(8.0, 10.0).measure().gain_ms == pytest.approx(-2.0)


def test_they_take_turns_and_so_does_who_begins():
    machine = Machine()
    machine.measure(iterations=4)
    last = machine.order[-8:]
    assert last == ["plain", "lowered", "lowered", "plain"] * 2
    warm = machine.order[:-8]
    assert warm.count("plain") >= 2 and warm.count("lowered") >= 2
    assert [name for name, _ in itertools.groupby(warm)] == ["plain", "lowered"]


def test_a_machine_that_gets_slower_shifts_no_gain():
    """Timed one after the other, the second engine would seem a third slower than it is."""
    found = Machine(10.0, 9.5, drift=0.01).measure(iterations=30)
    share = found.gain_ms / found.plain_ms
    assert share == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    ("samples", "low"),
    [
        ([3.0], 3.0),
        ([5.0, 1.0, 4.0, 2.0], 1.0),
        # Of five the lowest is above the median once in 32 times, the second six times in 32.
        ([5.0, 1.0, 4.0, 2.0, 3.0], 1.0),
        (list(range(8)), 1.0),
        (list(range(11)), 2.0),
        (list(range(30)), 10.0),
    ],
)
def test_the_lower_end_is_the_sample_that_seldom_is_above_the_median(samples, low):
    assert lower_end(samples) == low


@given(st.integers(5, 40), st.integers(0, 2**32))
def test_the_lower_end_is_below_the_median_and_above_no_more_than_it_may(count, seed):
    samples = np.random.default_rng(seed).normal(size=count)
    place = sorted(samples).index(lower_end(list(samples)))
    assert lower_end(list(samples)) <= np.median(samples)
    # Chance that so many or fewer lie below the true median.
    chance = sum(comb(count, n) for n in range(place + 1)) / 2**count
    more = chance + comb(count, place + 1) / 2**count
    assert chance <= 0.05 < more


def test_a_gain_within_the_noise_is_not_sure():
    machine = Machine(10.0, 9.8)
    jitter = itertools.cycle([1.0, 1.3, 0.8, 1.1, 0.9, 1.2, 0.7])
    plain, lowered = machine.step("plain"), machine.step("lowered")

    def noisy():
        return BatchTiming(lowered().run_ms * next(jitter))

    found = measure_pairs(
        plain, noisy, batch_size=4, budget=TimingBudget(14, None, 0.0), clock=machine.clock
    )
    assert found.low_ms < 0 < found.high_ms
    assert found.sure_gain == 0.0


def test_time_that_is_up_ends_it_after_eleven_pairs():
    assert Machine().measure(iterations=30, max_seconds=0.001).pairs == 11
    assert Machine().measure(iterations=3, max_seconds=0.001).pairs == 3


def test_a_run_without_time_is_refused():
    with pytest.raises(SegtrtError, match="run 1 of batch 4 took 0"):
        Machine(lowered=0.0).measure(warmup=0.0)
