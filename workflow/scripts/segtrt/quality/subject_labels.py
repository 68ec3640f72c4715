"""A subject's labels from answers, and what they are worth on its items' own grids."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrt.data.labels import IGNORED, Labels
from segtrt.data.prepared import Prepared, PreparedItem
from segtrt.errors import SegtrtError
from segtrt.quality.answers import Answers
from segtrt.quality.decode import Decoder
from segtrt.quality.metric import Figure, Metric, mean_figure
from segtrt.quality.overlap import Overlap

Map = NDArray[np.uint8]
"""A label map, (*grid) or (*shape) uint8."""


@contextmanager
def open_answers(tensors: Path, *answers: Path) -> Iterator[tuple[Prepared, list[Answers]]]:
    """A shard and the answers to it, opened and checked to belong together.

    Raises:
        SegtrtError: a file cannot be read, or answers are to another shard or made another way.
    """
    with ExitStack() as stack:
        shard = stack.enter_context(Prepared(tensors))
        opened = [stack.enter_context(Answers(path)) for path in answers]
        for one in opened:
            first = opened[0]
            same = one.rows == first.rows and one.classes == first.classes
            if len(one.non_finite) != len(shard.items) or one.decoder != first.decoder or not same:
                raise SegtrtError(
                    f"{one.path} does not hold answers to {tensors} like {first.path}; delete it "
                    "and run the workflow again"
                )
            if shard.labels and one.classes != len(shard.labels.names):
                raise SegtrtError(
                    f"the network tells {one.classes} classes apart (validation.decide), but "
                    f"dataset.labels has {len(shard.labels.names)} "
                    f"({', '.join(shard.labels.names)}); name the network's classes there, in order"
                )
        yield shard, opened


def refuse_non_finite(shard: Prepared, reference: Answers) -> None:
    """Refuse a reference that gave values that are infinite or not numbers.

    Raises:
        SegtrtError: names the first item and how many there are.
    """
    wrong = [place for place, count in enumerate(reference.non_finite) if count]
    if wrong:
        raise SegtrtError(
            f"{reference.path}, {shard.items[wrong[0]].title} (of {len(wrong)} such items): "
            f"{reference.non_finite[wrong[0]]} values are infinite or not numbers, so nothing can "
            "be compared with it; check model.weights, then delete the file and run the workflow "
            "again"
        )


def class_names(labels: Labels | None, classes: int) -> tuple[str, ...]:
    """Names of labels 1 to `classes`."""
    return labels.names if labels else tuple(f"class {one}" for one in range(1, classes + 1))


def finish(maps: Sequence[Map], decoder: Decoder) -> list[Map]:
    """Drop components where the decoder asks for it.

    A subject's 2-D items of one size are the slices of one volume; other items stand alone.

    Args:
        maps: labels of a subject's items on the network's grid.
        decoder: how labels are made.
    """
    if decoder.largest_component and is_stack(maps):
        return list(decoder.finish(np.stack(maps)))
    return [decoder.finish(one) for one in maps]


def is_stack(maps: Sequence[Map]) -> bool:
    """Whether maps are several 2-D ones of one size."""
    return len(maps) > 1 and maps[0].ndim == 2 and len({one.shape for one in maps}) == 1


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
