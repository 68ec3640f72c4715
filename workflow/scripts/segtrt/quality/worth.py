"""What a subject's labels are worth on its items' own grids."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segtrt.data.labels import IGNORED
from segtrt.data.prepared import PreparedItem
from segtrt.quality.means import Figure, mean_figure
from segtrt.quality.metric import Metric
from segtrt.quality.overlap import Overlap
from segtrt.quality.subject_labels import Map, is_stack


@dataclass(frozen=True)
class Worth:
    """A subject's figures."""

    classes: tuple[Figure, ...]

    @property
    def mean(self) -> Figure:
        """Mean of the classes that have a figure."""
        return mean_figure(self.classes)


def worth(
    metric: Metric,
    maps: Sequence[Map],
    truths: Sequence[Map],
    items: Sequence[PreparedItem],
    classes: int,
) -> Worth:
    """Figures of a subject on its items' own grids.

    Counts add up over items. Distances are those of a volume, as which 2-D items of one size count
    that have no spacing; of other items they are averaged. An infinite distance, of a structure
    that is found where there is none or not found, counts as the longest that its grid holds, the
    diagonal.

    Args:
        metric: the metric.
        maps: predicted labels of the items, each (*shape).
        truths: the true ones, or the reference's; `IGNORED` is not scored.
        items: what they are.
        classes: the highest label.
    """
    if metric.from_counts is not None:
        overlap = Overlap(classes, IGNORED)
        for one, truth in zip(maps, truths, strict=True):
            overlap.add(one, truth)
        return Worth(metric.figures_of(overlap))
    spacings = [item.spacing for item in items]
    if is_stack(maps) and not any(spacings):
        maps, truths, spacings = [np.stack(maps)], [np.stack(truths)], [None]
    rows = [
        [
            _bounded(figure, one.shape, spacing)
            for figure in metric.figures(one, truth, classes, spacing=spacing, ignored=IGNORED)
        ]
        for one, truth, spacing in zip(maps, truths, spacings, strict=True)
    ]
    return Worth(tuple(mean_figure(column) for column in zip(*rows, strict=True)))


def _bounded(figure: Figure, shape: tuple[int, ...], spacing: Sequence[float] | None) -> Figure:
    if figure is None or math.isfinite(figure):
        return figure
    steps = spacing or (1.0,) * len(shape)
    return math.copysign(math.hypot(*(n * s for n, s in zip(shape, steps, strict=True))), figure)
