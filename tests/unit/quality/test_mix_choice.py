"""The fastest mix within a budget, against every mix there is."""

from itertools import product
from types import SimpleNamespace

import pytest
from example_gains import gain, lost
from hypothesis import given
from hypothesis import strategies as st
from segtrt.precision import Graph
from segtrt.quality.mix_choice import MIN_GAIN, Option, choose, options_of, plain_latency
from segtrt.quality.sensitivity import Outcome

KINDS = (Graph.FP16, Graph.INT8_SIGNED, Graph.FP8)


def option(region, graph=Graph.INT8, gain=0.1, lost=0.0, flipped=0.0, *, low=0.001, is_finite=True):
    return Option(region, graph, gain, low, lost, flipped, is_finite)


def total(chosen):
    """Gain, and both losses, of a mix."""
    return SimpleNamespace(
        gain=sum(one.gain for one in chosen),
        lost=sum(max(0.0, one.metric_loss or 0.0) for one in chosen),
        flipped=sum(one.flipped_fraction for one in chosen),
    )


def best_of_all(options, budget):
    """The largest gain of any mix that keeps the budget, found by looking at each."""
    regions = sorted({one.region for one in options})
    allowed = [
        [None, *(o for o in options if o.region == r and o.gain >= MIN_GAIN and o.is_finite)]
        for r in regions
    ]
    mixes = ([one for one in each if one] for each in product(*allowed))
    sums = [total(mix) for mix in mixes]
    # Losses are multiples of 1e-4: this tells what keeps the budget from what does not.
    return max(s.gain for s in sums if max(s.lost, s.flipped) <= budget + 1e-6)


hundredths = st.integers(-3, 20).map(lambda n: n / 100)
ten_thousandths = st.integers(-10, 60).map(lambda n: n / 10_000)

options_drawn = st.lists(
    st.builds(
        option,
        st.integers(0, 5),
        st.sampled_from(KINDS),
        hundredths,
        st.one_of(st.none(), ten_thousandths),
        ten_thousandths.map(abs),
        is_finite=st.sampled_from([True, True, True, False]),
    ),
    max_size=12,
    unique_by=lambda one: (one.region, one.graph),
)


@given(options_drawn, st.integers(0, 100).map(lambda n: n / 10_000))
def test_no_mix_gains_more_within_the_budget(options, budget):
    chosen = choose(options, budget)
    assert all(region == one.region for region, one in chosen.items())
    assert all(one in options and one.is_finite for one in chosen.values())
    assert all(one.gain >= MIN_GAIN for one in chosen.values())
    found = total(chosen.values())
    assert max(found.lost, found.flipped) <= budget + 1e-6
    assert found.gain == pytest.approx(best_of_all(options, budget), abs=1e-9)


def test_two_small_regions_beat_a_large_one_that_uses_up_the_budget():
    large = option(0, gain=0.3, lost=0.005)
    small = [option(1, gain=0.2, lost=0.002), option(2, gain=0.2, lost=0.002)]
    assert list(choose([large, *small], 0.005)) == [1, 2]
    assert list(choose([large, *small], 0.009)) == [0, 1, 2]


def test_a_region_has_one_precision():
    both = [option(0, Graph.FP16, 0.1), option(0, Graph.INT8_SIGNED, 0.3, lost=0.01)]
    assert choose(both, 0.02)[0].graph is Graph.INT8_SIGNED
    assert choose(both, 0.005)[0].graph is Graph.FP16


def test_what_gains_little_is_left_alone():
    assert choose([option(0, gain=0.0199)], 1.0) == {}
    assert list(choose([option(0, gain=0.02)], 1.0)) == [0]


def test_what_may_gain_nothing_is_left_alone():
    assert choose([option(0, gain=0.5, low=0.0), option(1, gain=0.5, low=-0.1)], 1.0) == {}


def test_a_gain_of_the_metric_pays_for_nothing():
    lucky, costly = option(0, lost=-0.5), option(1, gain=0.2, lost=0.004)
    assert list(choose([lucky, costly], 0.003)) == [0]


def test_flipped_labels_count_where_the_metric_saw_nothing():
    assert choose([option(0, lost=0.0, flipped=0.01)], 0.005) == {}
    assert choose([option(0, lost=None, flipped=0.01)], 0.005) == {}
    assert list(choose([option(0, lost=None, flipped=0.001)], 0.005)) == [0]


def test_a_budget_of_nothing_takes_what_loses_nothing():
    free, cheap = option(0), option(1, gain=0.5, flipped=1e-9)
    assert list(choose([free, cheap], 0.0)) == [0]


def test_outputs_that_are_no_numbers_are_never_chosen():
    assert choose([option(0, is_finite=False), option(1, lost=float("nan"))], 1.0) == {}


def test_only_what_was_both_timed_and_judged_is_an_option():
    gains = [
        *(gain(2), gain(1, Graph.FP8), gain(1, ms=5.0), gain(0, outcome=Outcome.UNCHANGED)),
        *(gain(3), gain(4, outcome=Outcome.UNAVAILABLE)),
    ]
    losses = [
        *(lost(1), lost(2, non_finite=3), lost(0, outcome=Outcome.UNCHANGED), lost(4)),
        *(lost(3, outcome=Outcome.UNAVAILABLE), lost(1, Graph.FP8, metric_loss=None)),
    ]
    found = options_of(gains, losses)
    assert [(one.region, one.graph) for one in found] == [(1, "int8"), (1, "fp8"), (2, "int8")]
    assert (found[0].gain, found[0].low) == (0.5, 0.45)
    assert found[0].losses == (0.001, 0.002)
    assert found[1].losses == (0.0, 0.002)
    assert [one.is_finite for one in found] == [True, True, False]


def test_the_networks_latency_is_that_of_most_jobs():
    assert plain_latency([gain(0, plain=10.0), gain(1, plain=11.0), gain(2, plain=90.0)]) == 11.0
    assert plain_latency([gain(0, outcome=Outcome.EMPTY)]) is None
