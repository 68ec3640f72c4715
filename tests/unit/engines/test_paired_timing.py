"""Two engines that take turns, on scripted clocks."""

import itertools

import pytest
from segtrt.engines.budget import TimingBudget
from segtrt.engines.paired_timing import measure_pairs
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
    assert found.gain_ms == pytest.approx(2.0) and found.spread_ms == pytest.approx(0.0)
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


def test_time_that_is_up_ends_it_after_five_pairs():
    assert Machine().measure(iterations=30, max_seconds=0.001).pairs == 5
    assert Machine().measure(iterations=3, max_seconds=0.001).pairs == 3


def test_a_run_without_time_is_refused():
    with pytest.raises(SegtrtError, match="run 1 of batch 4 took 0"):
        Machine(lowered=0.0).measure(warmup=0.0)
