"""Means of figures of which some may be missing."""

import math
from collections.abc import Sequence

Figure = float | None
"""A figure of a class or a subject; None where there is none."""


def mean_figure(figures: Sequence[Figure]) -> Figure:
    """Mean of the figures there are, of classes or of subjects; None if there is none."""
    known = [figure for figure in figures if figure is not None]
    return math.fsum(known) / len(known) if known else None


def class_means(figures: Sequence[Sequence[Figure]]) -> tuple[Figure, ...]:
    """Means over subjects of each class's figures; empty without ground truth."""
    return tuple(mean_figure(column) for column in zip(*figures, strict=True))
