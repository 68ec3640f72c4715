"""Metrics against scikit-learn's formulas, medpy and distances pair by pair."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from medpy.metric import binary
from numpy.typing import NDArray
from segtrt.errors import SegtrtError
from segtrt.quality.means import mean_figure
from segtrt.quality.metric import METRICS, find_metric
from segtrt.quality.overlap import Overlap

DICE, IOU, HD95, ASSD = (METRICS[name] for name in ("dice", "iou", "hd95", "assd"))
Labels = NDArray[np.uint8]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Labels, Labels, int]:
    """Prediction and truth that agree in most pixels, and the highest label."""
    classes = draw(st.integers(1, 4))
    shape = draw(st.lists(st.integers(1, 7), min_size=2, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    truth = rng.integers(0, classes + 1, shape)
    noise = rng.integers(0, classes + 1, shape)
    prediction = np.where(rng.random(shape) < draw(st.sampled_from([0, 0.2, 1])), noise, truth)
    return prediction.astype(np.uint8), truth.astype(np.uint8), classes


@given(pairs())
@settings(deadline=None)
def test_overlaps_equal_other_peoples(case: tuple[Labels, Labels, int]) -> None:
    prediction, truth, classes = case
    figures, unions = (metric.figures(*case) for metric in (DICE, IOU))
    assert len(figures) == len(unions) == classes
    for label in range(1, classes + 1):
        ours, theirs = prediction == label, truth == label
        both, total = (ours & theirs).sum(), ours.sum() + theirs.sum()
        assert figures[label - 1] == (2 * both / total if total else 1.0)
        if ours.any() or theirs.any():
            assert figures[label - 1] == pytest.approx(binary.dc(ours, theirs))
            assert unions[label - 1] == pytest.approx(binary.jc(ours, theirs))


@given(pairs(), st.integers(1, 3), st.sampled_from([None, 0, 1, 9]))
@settings(deadline=None)
def test_pieces_add_up_to_the_whole(
    case: tuple[Labels, Labels, int], step: int, ignored: int | None
) -> None:
    prediction, truth, classes = case
    overlap = Overlap(classes, ignored)
    for begin in range(0, len(truth), step):
        overlap.add(prediction[begin : begin + step], truth[begin : begin + step])
    for metric in (DICE, IOU):
        assert metric.figures_of(overlap) == metric.figures(
            prediction, truth, classes, ignored=ignored
        )


def distances(ours: Labels, theirs: Labels, spacing: tuple[float, ...]) -> list[float]:
    """From each surface pixel to the nearest surface pixel of the other mask, pair by pair."""

    def surface(mask: Labels) -> list[NDArray[np.float64]]:
        found = []
        for place in np.argwhere(mask):
            for axis, step in np.ndindex(mask.ndim, 2):
                beside = place.copy()
                beside[axis] += 2 * step - 1
                inside = 0 <= beside[axis] < mask.shape[axis] and mask[tuple(beside)]
                if not inside:
                    found.append(place * np.array(spacing))
                    break
        return found

    both = surface(ours), surface(theirs)
    return [
        min(float(np.linalg.norm(point - other)) for other in both[1 - side])
        for side in (0, 1)
        for point in both[side]
    ]


@given(pairs(), st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3))
@settings(max_examples=40, deadline=None)
def test_distances_equal_those_pair_by_pair(
    case: tuple[Labels, Labels, int], steps: tuple[float, ...]
) -> None:
    prediction, truth, classes = case
    spacing = steps[: truth.ndim]
    largest = HD95.figures(*case, spacing=spacing)
    average = ASSD.figures(*case, spacing=spacing)
    for label in range(1, classes + 1):
        ours, theirs = prediction == label, truth == label
        if not ours.any() or not theirs.any():
            expected = math.inf if ours.any() or theirs.any() else None
            assert largest[label - 1] == average[label - 1] == expected
            continue
        apart = distances(ours, theirs, spacing)
        assert largest[label - 1] == pytest.approx(np.percentile(apart, 95))
        assert average[label - 1] == pytest.approx(np.mean(apart))
        assert largest[label - 1] == pytest.approx(binary.hd95(ours, theirs, spacing))
        assert average[label - 1] == pytest.approx(binary.assd(ours, theirs, spacing))


def test_spacing_is_in_the_order_of_the_axes() -> None:
    first, second = np.zeros((2, 9, 9, 9), np.uint8)
    first[1, 4, 4] = second[7, 4, 4] = 1
    assert HD95.figures(first, second, 1, spacing=(5, 1, 1)) == (30,)
    assert HD95.figures(first, second, 1, spacing=(1, 1, 5)) == (6,)
    assert ASSD.figures(first, second, 1) == (6,)
    with pytest.raises(ValueError, match="3 spacings expected"):
        HD95.figures(first, second, 1, spacing=(1, 1))


def test_empty_masks() -> None:
    empty, full = np.zeros((3, 4), np.uint8), np.ones((3, 4), np.uint8)
    for metric in (DICE, IOU):
        assert metric.figures(empty, empty, 1) == (1.0,)
        assert metric.figures(full, empty, 1) == metric.figures(empty, full, 1) == (0.0,)
    for metric in (HD95, ASSD):
        assert metric.figures(empty, empty, 1) == (None,)
        assert metric.figures(full, empty, 1) == metric.figures(empty, full, 1) == (math.inf,)
        assert metric.figures(full, full, 1) == (0.0,)


def test_what_the_truth_ignores_is_not_scored() -> None:
    truth = np.array([[1, 1, 255, 255], [0, 2, 0, 0]], np.uint8)
    prediction = np.array([[1, 0, 1, 2], [0, 2, 0, 0]], np.uint8)
    assert DICE.figures(prediction, truth, 2, ignored=255) == (pytest.approx(2 / 3), 1.0)
    assert HD95.figures(prediction, truth, 2, ignored=255) == (
        pytest.approx(np.percentile([0, 0, 1], 95)),
        0.0,
    )
    everything = np.full((2, 4), 255, np.uint8)
    assert DICE.figures(prediction, everything, 2, ignored=255) == (1.0, 1.0)
    with pytest.raises(ValueError, match="truth has the label 255, at most 2"):
        DICE.figures(prediction, truth, 2)
    with pytest.raises(ValueError, match="prediction has the label 2, at most 1"):
        Overlap(1).add(prediction, np.zeros_like(prediction))
    with pytest.raises(ValueError, match="one shape"):
        DICE.figures(prediction, truth[:1], 2)


def test_means_leave_out_what_has_no_figure() -> None:
    assert mean_figure([1.0, None, 0.5]) == 0.75
    assert mean_figure([None]) is None
    assert mean_figure([]) is None
    assert mean_figure([2.0, math.inf]) == math.inf


def test_worst_first_follows_the_direction() -> None:
    assert DICE.worst_first([0.9, None, 0.1, 0.5]) == [2, 3, 0, 1]
    assert HD95.worst_first([2.0, None, math.inf, 0.0]) == [2, 0, 3, 1]


def test_distances_do_not_follow_from_counts() -> None:
    with pytest.raises(ValueError, match="hd95 does not follow"):
        HD95.figures_of(Overlap(1))


OWN = """
def volume_error(prediction, truth, spacing):
    one = 1.0
    for step in spacing:
        one *= step
    return abs(float(prediction.sum()) - float(truth.sum())) * one
volume_error.title = "Volume error"
volume_error.unit = "mm3"
volume_error.higher_is_better = False
def plain(prediction, truth, spacing):
    return None if not truth.any() else 0.5
def nan(prediction, truth, spacing):
    return float("nan")
def text(prediction, truth, spacing):
    return "good"
"""


def test_a_users_metric(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    metric = find_metric(f"{path}:volume_error")
    assert (metric.title, metric.unit, metric.higher_is_better) == ("Volume error", "mm3", False)
    prediction, truth = np.zeros((2, 4, 4, 4), np.uint8)
    prediction[:2], truth[:3] = 1, 2
    assert metric.figures(prediction, truth, 2, spacing=(1, 2, 0.5)) == (32.0, 48.0)
    plain = find_metric(f"{path}:plain")
    assert (plain.title, plain.unit, plain.higher_is_better) == ("plain", "", True)
    assert plain.figures(prediction, truth, 2) == (None, 0.5)
    with pytest.raises(SegtrtError, match=r"own\.py:nan gives NaN"):
        find_metric(f"{path}:nan").figures(prediction, truth, 2)
    with pytest.raises(SegtrtError, match=r"own\.py:text fails .*ValueError"):
        find_metric(f"{path}:text").figures(prediction, truth, 2)
    with pytest.raises(SegtrtError, match=r"own\.py:volume_error fails .*TypeError"):
        metric.figures(prediction, truth, 2)


def test_metrics_are_found_by_name() -> None:
    for name, metric in METRICS.items():
        assert find_metric(name) is metric
        assert metric.name == name
        assert (metric.from_counts is None) != (metric.from_masks is None)
    with pytest.raises(SegtrtError, match="'f1'; expected dice, iou, hd95, assd, module:function"):
        find_metric("f1")
