"""Metrics: how well labels segment, as one figure for each class of a subject.

Definitions for empty masks, since formulas do not give them:

| | truth and prediction empty | one of them empty |
| --- | --- | --- |
| Dice, IoU | 1: they agree | 0 |
| distances | None: there is no surface, and the figure counts in no mean | infinite |

An infinite distance stays infinite in every mean: an engine that loses a structure altogether must
not look better for it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.addresses import shown_place
from segtrt.errors import SegtrtError
from segtrt.quality.means import Figure
from segtrt.quality.overlap import Overlap
from segtrt.quality.scores import MetricFacts
from segtrt.user_function import load_function, names_function

Mask = NDArray[np.bool_]
Spacing = Sequence[float] | None

_SETTING = "validation.metric"


@dataclass(frozen=True)
class Metric:
    """One metric; a figure for each class of a subject."""

    name: str
    """As in the settings: `dice`, `iou`, `hd95`, `assd` or `module:function`."""
    title: str
    """As in tables and charts."""
    unit: str
    """`mm`, or empty for a share. Of items without spacing, built-in distances are in pixels."""
    higher_is_better: bool
    from_counts: Callable[[int, int, int], float] | None = None
    """The figure from pixels in both masks, in the prediction and in the truth: such a metric
    adds up over an item's slices and patches, see `figures_of`."""
    from_masks: Callable[[Mask, Mask, Spacing], Figure] | None = None
    """The figure from prediction and truth, each (*size) bool, and the spacing in mm in the order
    of their axes. Exactly one of the two functions is set."""

    def figures(
        self,
        prediction: NDArray[np.uint8],
        truth: NDArray[np.uint8],
        classes: int,
        *,
        spacing: Spacing = None,
        ignored: int | None = None,
    ) -> tuple[Figure, ...]:
        """A figure for each class of one item.

        Args:
            prediction: labels, (*size) uint8, 0 to `classes`.
            truth: labels of the same size and range, or `ignored`.
            classes: the highest label.
            spacing: mm from pixel to pixel along each axis of `size`, if it is known.
            ignored: value of the truth where nothing is scored; distances take these pixels as
                background on both sides.

        Returns:
            Figures of labels 1 to `classes`.

        Raises:
            ValueError: shapes or labels are something else.
            SegtrtError: the user's function fails, or gives no number.
        """
        overlap = Overlap(classes, ignored)
        overlap.add(prediction, truth)
        if self.from_masks is None:
            return self.figures_of(overlap)
        if spacing is not None and len(spacing) != truth.ndim:
            raise ValueError(f"{truth.ndim} spacings expected, got {spacing}")
        seen = np.ones(truth.shape, np.bool_) if ignored is None else truth != ignored
        return tuple(
            self.from_masks((prediction == label) & seen, (truth == label) & seen, spacing)
            for label in range(1, classes + 1)
        )

    def figures_of(self, overlap: Overlap) -> tuple[Figure, ...]:
        """The figures of all that was added to `overlap`.

        Raises:
            ValueError: this metric needs whole masks (`from_counts` is None).
        """
        if self.from_counts is None:
            raise ValueError(f"{self.name} does not follow from counts")
        return tuple(self.from_counts(*counts) for counts in overlap.counts())

    def worst_first(self, figures: Sequence[Figure]) -> list[int]:
        """Positions in `figures` from worst to best; those without a figure come last."""
        sign = 1 if self.higher_is_better else -1
        known = [place for place, figure in enumerate(figures) if figure is not None]
        unknown = [place for place, figure in enumerate(figures) if figure is None]
        return sorted(known, key=lambda place: sign * (figures[place] or 0.0)) + unknown


def facts_of(metric: Metric) -> MetricFacts:
    """What files of scores say of a metric; of a function's file the name alone."""
    return MetricFacts(shown_place(metric.name), metric.title, metric.unit, metric.higher_is_better)


def find_metric(name: str) -> Metric:
    """The metric that the settings name.

    A user's function gets prediction and truth of one class, (*size) bool, and the spacing as a
    tuple of mm or None; it gives a number, or None for "no figure". It may have the attributes
    `title` (its name if not), `unit` (none if not) and `higher_is_better` (true if not).

    Raises:
        SegtrtError: there is no such metric or function.
    """
    if name in METRICS:
        return METRICS[name]
    if not names_function(name):
        raise SegtrtError(
            f"{_SETTING} is {name!r}; expected {', '.join(METRICS)}, module:function or "
            "path/to/file.py:function"
        )
    function = load_function(name, _SETTING)
    return Metric(
        name=name,
        title=str(getattr(function, "title", name.rpartition(":")[2])),
        unit=str(getattr(function, "unit", "")),
        higher_is_better=bool(getattr(function, "higher_is_better", True)),
        from_masks=partial(_by_function, name, function),
    )


def _dice(both: int, prediction: int, truth: int) -> float:
    """2 |A and B| / (|A| + |B|). Source: L. R. Dice, Ecology 26 (1945) 297-302."""
    total = prediction + truth
    return 2 * both / total if total else 1.0


def _iou(both: int, prediction: int, truth: int) -> float:
    """|A and B| / |A or B|. Source: P. Jaccard, New Phytologist 11 (1912) 37-50."""
    union = prediction + truth - both
    return both / union if union else 1.0


def _distance(measure: str, prediction: Mask, truth: Mask, spacing: Spacing) -> Figure:
    """A surface distance of medpy, which fails on empty masks."""
    if not prediction.any() and not truth.any():
        return None
    if not prediction.any() or not truth.any():
        return math.inf
    from medpy.metric import binary

    # Surfaces lie within the box of both masks, and a box is all that distances depend on: a small
    # structure in a large volume takes no time.
    box = _box(prediction | truth)
    return float(getattr(binary, measure)(prediction[box], truth[box], voxelspacing=spacing))


def _box(mask: Mask) -> tuple[slice, ...]:
    box = []
    for axis in range(mask.ndim):
        (places,) = np.nonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)


def _by_function(
    name: str, function: Callable[..., Any], prediction: Mask, truth: Mask, spacing: Spacing
) -> Figure:
    try:
        given = function(prediction, truth, None if spacing is None else tuple(spacing))
        figure = None if given is None else float(given)
    except Exception as error:
        raise SegtrtError(
            f"{_SETTING} {name} fails on masks of {prediction.shape} "
            f"({type(error).__name__}: {error}); it must give a number or None"
        ) from error
    if figure is not None and math.isnan(figure):
        raise SegtrtError(
            f"{_SETTING} {name} gives NaN on masks of {prediction.shape}; give a number, or None "
            "where there is no figure"
        )
    return figure


METRICS = {
    metric.name: metric
    for metric in (
        Metric("dice", "Dice", "", True, from_counts=_dice),
        Metric("iou", "IoU", "", True, from_counts=_iou),
        Metric(
            "hd95", "Hausdorff distance (95 %)", "mm", False, from_masks=partial(_distance, "hd95")
        ),
        Metric(
            "assd", "Average surface distance", "mm", False, from_masks=partial(_distance, "assd")
        ),
    )
}
"""The built-in metrics by name."""
