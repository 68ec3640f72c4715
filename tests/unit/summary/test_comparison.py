"""What counts as changed between two runs, and what is noise."""

import copy
import math

import pytest
from segtrt.errors import SegtrtError
from segtrt.summary.comparison import compare


def engine(name="openvino/b1_fp32", median=10.0, spread=0.01, figure=0.9):
    samples = [median * (1 + spread * step) for step in (-1, -0.5, 0, 0.5, 1)]
    return {
        "name": name,
        "timing": {"total": {"median": median}, "samples_ms": samples},
        "quality": {"mean": figure},
    }


DICE = {"name": "dice", "title": "Dice", "unit": "", "higher_is_better": True}
HD95 = {"name": "hd95", "title": "HD95", "unit": "mm", "higher_is_better": False}


def summary(*engines, subjects=("a", "b"), metric=DICE, **machines):
    return {
        "title": "run",
        "metric": metric,
        "machines": [
            {"name": name, "facts": {"cpu": cpu}} for name, cpu in (machines or {"": "x"}).items()
        ],
        "engines": list(engines),
        "reference": {"subjects": [{"subject": s, "split": "evaluation"} for s in subjects]},
    }


def line(own, other, **changes):
    return compare(summary(own), summary(other, **changes))["engines"][0]


@pytest.mark.parametrize(
    ("median", "speed"),
    [(8.0, "faster"), (9.6, "same"), (10.0, "same"), (10.4, "same"), (12.0, "slower")],
)
def test_a_latency_counts_as_changed_beyond_five_percent(median, speed):
    result = line(engine(median=median), engine(median=10.0))
    assert result["speed"] == speed
    assert result["latency_change"] == pytest.approx(median / 10 - 1)


def test_a_change_within_the_noise_of_both_timings_is_none():
    result = line(engine(median=8.0, spread=0.2), engine(median=10.0, spread=0.2))
    assert result["noise"] == pytest.approx(0.2 * 2**0.5)
    assert result["speed"] == "same"


@pytest.mark.parametrize(
    ("figure", "quality"), [(0.9005, "same"), (0.902, "better"), (0.898, "worse")]
)
def test_a_figure_counts_as_changed_beyond_a_thousandth(figure, quality):
    assert line(engine(figure=figure), engine(figure=0.9))["quality"] == quality


def test_a_figure_of_other_subjects_is_not_compared():
    result = line(engine(figure=0.5), engine(figure=0.9), subjects=("a", "c"))
    assert (result["quality"], result["figure_change"]) == ("unknown", None)


def test_engines_that_were_not_run_are_unknown():
    silent = {"name": "openvino/b1_fp32", "timing": None, "quality": None}
    result = line(copy.deepcopy(silent), engine())
    assert (result["speed"], result["quality"], result["latency_ms"]) == (
        "unknown",
        "unknown",
        None,
    )
    assert result["other_latency_ms"] == 10.0


def test_engines_of_one_run_only_are_named():
    result = compare(summary(engine("a"), engine("b")), summary(engine("b"), engine("c")))
    assert [one["name"] for one in result["engines"]] == ["b"]
    assert (result["only_here"], result["only_there"]) == (["a"], ["c"])
    assert result["same_subjects"] is True


@pytest.mark.parametrize(
    ("own", "other", "same"),
    [
        ({"": "x"}, {"": "x"}, True),
        ({"": "x"}, {"": "y"}, False),
        ({"a": "x", "b": "y"}, {"b": "y", "a": "x"}, True),
        ({"a": "x", "b": "y"}, {"a": "x", "b": "z"}, False),
        ({"a": "x", "b": "y"}, {"a": "x"}, False),
        ({"a": "x"}, {"": "x"}, False),
    ],
)
def test_machines_are_the_same_if_all_of_them_are(own, other, same):
    result = compare(summary(**own), summary(**other))
    assert result["same_machines"] is same
    assert result["machines"] == {name: {"cpu": cpu} for name, cpu in other.items()}


@pytest.mark.parametrize(("own", "other"), [(math.nan, 10.0), (10.0, math.nan), (10.0, 0.0)])
def test_a_time_that_is_no_number_is_refused(own, other):
    with pytest.raises(SegtrtError, match=r"openvino/b1_fp32 has a time of (nan|0\.0) ms"):
        line(engine(median=own), engine(median=other))


def test_a_figure_that_is_no_number_is_refused():
    with pytest.raises(SegtrtError, match=r"has a mean Dice of 0\.9 here and nan"):
        line(engine(), engine(figure=math.nan))


@pytest.mark.parametrize(
    ("figure", "quality"), [(20.01, "same"), (20.1, "worse"), (19.9, "better")]
)
def test_a_distance_counts_as_changed_beyond_a_thousandth_of_itself_and_less_is_better(
    figure, quality
):
    own, other = (summary(engine(figure=one), metric=HD95) for one in (figure, 20.0))
    assert compare(own, other)["engines"][0]["quality"] == quality


def test_figures_of_another_metric_are_not_compared():
    result = compare(summary(engine()), summary(engine(), metric=HD95))
    assert (result["same_metric"], result["engines"][0]["quality"]) == (False, "unknown")
