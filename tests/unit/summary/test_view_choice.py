"""Which subjects and views the report shows."""

import pytest
from segtrt.quality.scores import Errors, Figures, SubjectScore, View
from segtrt.quality.views import spread
from segtrt.summary import view_choice
from segtrt.summary.view_choice import choose_subjects, choose_views

ERRORS = Errors(1, 1, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1, 0, 0.0, 0)


def entries(*figures, split="evaluation", agreement=None):
    return [
        SubjectScore(
            subject=f"s{i}",
            split=split,
            items=2,
            figure=figure,
            classes=(),
            reference_figure=1.0,
            agreement=agreement[i] if agreement else figure,
            flipped_pixels=i,
        )
        for i, figure in enumerate(figures)
    ]


def chosen(count, *figures, **more):
    return [
        (role, entry.subject) for role, entry in choose_subjects(entries(*figures), count, **more)
    ]


def test_best_median_and_worst_come_first():
    assert chosen(3, 0.5, 0.9, 0.7, 0.8, 0.6) == [("best", "s1"), ("median", "s2"), ("worst", "s0")]


def test_of_a_distance_the_lowest_is_best():
    found = chosen(3, 5.0, 9.0, 7.0, higher_is_better=False)
    assert found == [("best", "s0"), ("median", "s2"), ("worst", "s1")]


def test_more_subjects_are_the_next_worst():
    assert [role for role, _ in chosen(4, 0.5, 0.9, 0.7, 0.8, 0.6)] == [
        "best",
        "median",
        "more",
        "worst",
    ]
    assert ("more", "s4") in chosen(4, 0.5, 0.9, 0.7, 0.8, 0.6)


def test_few_subjects_are_shown_once_each():
    assert chosen(3, 0.5) == [("best", "s0")]
    assert chosen(3, 0.5, 0.9) == [("best", "s1"), ("worst", "s0")]
    assert chosen(1, 0.5, 0.9, 0.7) == [("best", "s1")]
    assert choose_subjects(entries(0.5, split="calibration"), 3) == []


def test_without_truth_subjects_are_ranked_by_agreement_then_by_flipped_pixels():
    agreed = entries(None, None, agreement=(0.5, 0.9))
    assert [one.subject for _, one in choose_subjects(agreed, 2)] == ["s1", "s0"]
    nothing = entries(None, None, agreement=(None, None))
    assert [one.subject for _, one in choose_subjects(nothing, 2)] == ["s0", "s1"]


@pytest.mark.parametrize(
    ("numbers", "count", "expected"),
    [(range(10, 30), 3, [10, 20, 29]), ([4, 5], 6, [4, 5]), ([1, 2, 3], 1, [2])],
)
def test_views_are_spread_with_both_ends(numbers, count, expected):
    assert spread(numbers, count) == expected


def test_an_engine_shares_pictures_when_no_more_are_made(monkeypatch):
    monkeypatch.setattr(view_choice, "MAX_PICTURES", 2)
    views = [View(f"s{i}", str(n), None, n, 0, {"1": f"M{n}"}) for i in range(2) for n in (1, 2)]
    data = Figures(ERRORS, ERRORS, None, None, 1, tuple(entries(0.9, 0.5)), tuple(views))
    telling = {name: [(name, "1", None), (name, "2", None)] for name in ("s0", "s1")}
    wanted = {}
    first = choose_views(data, telling, 2, 2, wanted)
    assert list(wanted) == [("s0", "1", None), ("s0", "2", None)]
    assert [one["views"] for one in first["subjects"]] == [["s0/1", "s0/2"], []]
    assert first["outlines"] == {"s0/1": {"1": "M1"}, "s0/2": {"1": "M2"}}
    assert [one["view"] for one in first["differs"]] == ["s0/2"]
