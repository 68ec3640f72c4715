"""What counts as changed between two runs, and what is noise."""

import copy
import math

import pytest
from segtrt.errors import SegtrtError
from segtrt.summary.comparison import compare


def engine(name="openvino/b1_fp32", median=10.0, spread=0.01, dice=0.9):
    samples = [median * (1 + spread * step) for step in (-1, -0.5, 0, 0.5, 1)]
    return {
        "name": name,
        "timing": {"total": {"median": median}, "samples_ms": samples},
        "dice": {"mean": dice},
    }


def summary(*engines, subjects=("a", "b"), **machines):
    return {
        "title": "run",
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
    ("dice", "quality"), [(0.9005, "same"), (0.902, "better"), (0.898, "worse")]
)
def test_dice_counts_as_changed_beyond_a_thousandth(dice, quality):
    assert line(engine(dice=dice), engine(dice=0.9))["quality"] == quality


def test_dice_of_other_subjects_is_not_compared():
    result = line(engine(dice=0.5), engine(dice=0.9), subjects=("a", "c"))
    assert (result["quality"], result["dice_change"]) == ("unknown", None)


def test_engines_that_were_not_run_are_unknown():
    silent = {"name": "openvino/b1_fp32", "timing": None, "dice": None}
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


def test_a_dice_that_is_no_number_is_refused():
    with pytest.raises(SegtrtError, match=r"has a mean Dice of 0\.9 here and nan"):
        line(engine(), engine(dice=math.nan))
