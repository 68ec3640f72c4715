"""What a mix is and should come to."""

import pytest
from example_gains import gain, lost
from segtrt.precision import Graph, Precision
from segtrt.quality.mix_file import read_mix
from segtrt.quality.mix_plan import plan_mix
from segtrt.quality.sensitivity import Outcome


def plan(gains, losses, budget=0.005):
    return plan_mix(Precision.MIXED_B2, "openvino", gains, losses, budget=budget, batch_size=4)


GAINS = [gain(0, ms=1.0), gain(1, ms=3.0), gain(2, ms=0.1), gain(3, outcome=Outcome.EMPTY)]


def test_choices_and_what_they_add_up_to(tmp_path):
    losses = [lost(0), lost(1, metric_loss=-0.1), lost(2), lost(3, outcome=Outcome.EMPTY)]
    found = plan(GAINS, losses)
    assert [(one.region, one.name, one.graph) for one in found.choices] == [
        (0, "r0", "int8"),
        (1, "r1", "int8"),
    ]
    assert found.chosen == {0: Graph.INT8, 1: Graph.INT8}
    assert found.predicted.plain_ms == 10.0
    assert found.predicted.gain == pytest.approx(0.4)
    assert found.predicted.latency_ms == pytest.approx(6.0)
    assert found.joins == ()
    # What the second region gained on a few subjects is luck.
    assert found.predicted.metric_loss == 0.001
    assert found.predicted.flipped_fraction == pytest.approx(0.004)
    assert len(found.options) == 3
    found.write(tmp_path / "mixed.json")
    assert read_mix(tmp_path / "mixed.json") == found


def test_neighbours_count_in_what_is_predicted():
    gains = [gain(0, ms=1.0), gain(1, ms=-1.0), gain(None, ms=4.0)]
    found = plan(gains, [lost(0), lost(1)])
    assert list(found.chosen) == [0, 1]
    assert found.predicted.gain == pytest.approx(0.4)
    assert found.joins[0].gain == pytest.approx(0.4)


def test_no_mix_is_predicted_to_take_less_than_no_time():
    found = plan([gain(0, ms=8.0), gain(1, ms=8.0)], [lost(0), lost(1)])
    assert found.predicted.latency_ms == 0.0


def test_without_ground_truth_labels_alone_are_predicted():
    found = plan(GAINS, [lost(0, metric_loss=None), lost(1, metric_loss=None)])
    assert found.predicted.metric_loss is None
    assert found.predicted.flipped_fraction == pytest.approx(0.004)


def test_where_nothing_is_worth_it_the_mix_is_the_float32_network():
    found = plan(GAINS, [lost(0, metric_loss=0.5), lost(1, flipped_fraction=0.5), lost(2)])
    assert (found.choices, found.chosen) == ((), {})
    assert found.predicted.latency_ms == found.predicted.plain_ms == 10.0
    assert (found.predicted.metric_loss, found.predicted.flipped_fraction) == (0, 0)


def test_where_nothing_was_timed_there_is_no_latency():
    found = plan([gain(0, outcome=Outcome.UNCHANGED)], [])
    assert (found.predicted.plain_ms, found.predicted.latency_ms) == (None, None)
