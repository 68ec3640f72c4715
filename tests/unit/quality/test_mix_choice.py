"""The fastest mix within a budget, against every mix there is."""

from itertools import product
from types import SimpleNamespace

import pytest
from example_gains import gain, lost
from hypothesis import given
from hypothesis import strategies as st
from segtrt.precision import Graph
from segtrt.quality.mix_choice import choose, joins_of, options_of, plain_latency, total_gain
from segtrt.quality.mix_file import MIN_GAIN, Join, Option
from segtrt.quality.sensitivity import Outcome

KINDS = (Graph.FP16, Graph.INT8_SIGNED, Graph.FP8)


def option(region, graph=Graph.INT8, gain=0.1, lost=0.0, flipped=0.0, *, is_finite=True):
    return Option(region, graph, gain, lost, flipped, is_finite)


def total(chosen, joins=()):
    """Gain, runs of neighbours in one precision, and both losses, of a mix."""
    graphs = {one.region: one.graph for one in chosen}
    saved = {join.graph: join.gain for join in joins}
    inner = [graph for region, graph in graphs.items() if graphs.get(region - 1) is graph]
    return SimpleNamespace(
        gain=sum(one.gain for one in chosen) + sum(saved.get(graph, 0.0) for graph in inner),
        runs=len(graphs) - len(inner),
        lost=sum(max(0.0, one.metric_loss or 0.0) for one in chosen),
        flipped=sum(one.flipped_fraction for one in chosen),
    )


def best_of_all(options, budget, joins):
    """The most that any mix within the budget gains, each run charged, by looking at each."""
    regions = sorted({one.region for one in options})
    allowed = [[None, *(o for o in options if o.region == r and o.is_finite)] for r in regions]
    mixes = ([one for one in each if one] for each in product(*allowed))
    sums = [total(mix, joins) for mix in mixes]
    # Losses are multiples of 1e-4: this tells what keeps the budget from what does not.
    kept = [s for s in sums if max(s.lost, s.flipped) <= budget + 1e-6]
    return max(s.gain - MIN_GAIN * s.runs for s in kept)


hundredths = st.integers(-12, 20).map(lambda n: n / 100)
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

joins_drawn = st.lists(
    st.builds(Join, st.sampled_from(KINDS), st.integers(0, 15).map(lambda n: n / 100)),
    unique_by=lambda one: one.graph,
)


@given(options_drawn, st.integers(0, 100).map(lambda n: n / 10_000), joins_drawn)
def test_no_mix_gains_more_within_the_budget(options, budget, joins):
    chosen = choose(options, budget, joins)
    assert all(region == one.region for region, one in chosen.items())
    assert all(one in options and one.is_finite for one in chosen.values())
    found = total(chosen.values(), joins)
    assert max(found.lost, found.flipped) <= budget + 1e-6
    assert total_gain(chosen.values(), joins) == pytest.approx(found.gain)
    best = best_of_all(options, budget, joins)
    assert found.gain - MIN_GAIN * found.runs == pytest.approx(best, abs=1e-9)


@given(options_drawn, joins_drawn)
def test_no_run_gains_less_than_it_must(options, joins):
    chosen = choose(options, 0.005, joins)
    run = []
    for region in range(8):
        one = chosen.get(region)
        if run and (one is None or one.graph is not run[-1].graph):
            assert total(run, joins).gain >= MIN_GAIN - 1e-9
            run = []
        run += [one] if one else []


def test_two_small_regions_beat_a_large_one_that_uses_up_the_budget():
    large = option(0, gain=0.3, lost=0.005)
    small = [option(2, gain=0.2, lost=0.002), option(4, gain=0.2, lost=0.002)]
    assert list(choose([large, *small], 0.005)) == [2, 4]
    assert list(choose([large, *small], 0.009)) == [0, 2, 4]


def test_neighbours_gain_together_what_none_gains_alone():
    slower = [option(region, gain=-0.01) for region in range(4)]
    assert choose(slower, 1.0) == {}
    joins = [Join(Graph.INT8, 0.04)]
    assert list(choose(slower, 1.0, joins)) == [0, 1, 2, 3]
    # One that may not be lowered parts them, and what is left over gains too little.
    ruined = [*slower[:2], option(2, gain=-0.01, lost=0.5), slower[3]]
    assert choose(ruined, 0.1, joins) == {}
    assert list(choose(ruined, 0.1, [Join(Graph.INT8, 0.05)])) == [0, 1]
    # Another precision's neighbours are none.
    assert choose(slower, 1.0, [Join(Graph.FP8, 0.04)]) == {}


def test_a_region_has_one_precision():
    both = [option(0, Graph.FP16, 0.1), option(0, Graph.INT8_SIGNED, 0.3, lost=0.01)]
    assert choose(both, 0.02)[0].graph is Graph.INT8_SIGNED
    assert choose(both, 0.005)[0].graph is Graph.FP16


def test_what_gains_little_is_left_alone():
    assert choose([option(0, gain=0.0199)], 1.0) == {}
    assert list(choose([option(0, gain=0.0201)], 1.0)) == [0]


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
        *(gain(3), gain(4, outcome=Outcome.UNAVAILABLE), gain(None, ms=9.0)),
    ]
    losses = [
        *(lost(1), lost(2, non_finite=3), lost(0, outcome=Outcome.UNCHANGED), lost(4)),
        *(lost(3, outcome=Outcome.UNAVAILABLE), lost(1, Graph.FP8, metric_loss=None)),
    ]
    found = options_of(gains, losses)
    assert [(one.region, one.graph) for one in found] == [(1, "int8"), (1, "fp8"), (2, "int8")]
    assert found[0].gain == 0.5
    assert found[0].losses == (0.001, 0.002)
    assert found[1].losses == (0.0, 0.002)
    assert [one.is_finite for one in found] == [True, True, False]


@pytest.mark.parametrize(
    ("ms", "noise", "expected"),
    [(2.0, 0.5, 0.15), (2.0, 3.0, 0.0), (-2.0, 0.5, -0.15), (-2.0, 3.0, 0.0), (0.0, 0.0, 0.0)],
)
def test_only_what_is_sure_of_a_gain_or_a_loss_counts(ms, noise, expected):
    (found,) = options_of([gain(0, ms=ms, noise=noise)], [lost(0)])
    assert found.gain == pytest.approx(expected)


def test_what_the_whole_gains_beyond_its_regions_is_the_neighbours():
    """Four regions in a row, of which the third stays as it is: one pair of neighbours is left."""
    alone = [gain(0, ms=1.0), gain(1, ms=-1.0), gain(3, ms=2.0)]
    unchanged = gain(2, outcome=Outcome.UNCHANGED)
    (join,) = joins_of([*alone, unchanged, gain(None, ms=6.0)])
    assert (join.graph, join.gain) == ("int8", pytest.approx(0.4))
    (join,) = joins_of([gain(0, ms=0.0), gain(1, ms=0.0), gain(2, ms=0.0), gain(None, ms=6.0)])
    assert join.gain == pytest.approx(0.3)
    # All regions together are then predicted as they were measured.
    everything = [option(region, gain=0.0) for region in range(3)]
    assert total_gain(everything, [join]) == pytest.approx(0.6)


def test_a_whole_that_gains_less_than_its_regions_says_nothing_of_neighbours():
    (join,) = joins_of([gain(0, ms=4.0), gain(1, ms=4.0), gain(None, ms=6.0)])
    assert join.gain == 0.0
    (join,) = joins_of([gain(0), gain(1), gain(None, ms=6.0, noise=7.0)])
    assert join.gain == 0.0
    assert joins_of([gain(0, ms=4.0), gain(1, ms=4.0)]) == []
    assert joins_of([gain(0, ms=4.0), gain(None, ms=6.0)]) == []
    assert joins_of([gain(0), gain(1), gain(None, outcome=Outcome.UNAVAILABLE)]) == []


def test_the_networks_latency_is_that_of_most_jobs():
    assert plain_latency([gain(0, plain=10.0), gain(1, plain=11.0), gain(2, plain=90.0)]) == 11.0
    assert plain_latency([gain(0, outcome=Outcome.EMPTY)]) is None
