"""A subject's labels from answers on the network's grid."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrt.data.labels import Labels
from segtrt.data.prepared import Prepared, PreparedItem
from segtrt.errors import SegtrtError
from segtrt.quality.answers import Answers, check_classes
from segtrt.quality.components import largest_of_each

logger = logging.getLogger(__name__)

Map = NDArray[np.uint8]
"""A label map, (*grid) uint8, or (*shape) on an item's own grid."""


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
            check_classes(shard.labels, one.classes)
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


def warn_of_non_finite(shard: Prepared, engine: Answers) -> None:
    """Log that an engine gave values that are infinite or not numbers, if it did."""
    wrong = [place for place, count in enumerate(engine.non_finite) if count]
    if wrong:
        logger.warning(
            "%s, %s (of %d such items): %d values are infinite or not numbers: the engine fails "
            "validation",
            engine.path,
            shard.items[wrong[0]].title,
            len(wrong),
            engine.non_finite[wrong[0]],
        )


def class_names(labels: Labels | None, classes: int) -> tuple[str, ...]:
    """Names of labels 1 to `classes`."""
    return labels.names if labels else tuple(f"class {one}" for one in range(1, classes + 1))


def labels_to_write(labels: Labels | None, names: tuple[str, ...]) -> Labels:
    """The data set's labels; without masks, classes are 1, 2, ..."""
    return labels or Labels.of(dict(enumerate(names, 1)))


def finish(maps: Sequence[Map], *, largest_component: bool) -> list[Map]:
    """Drop components where that is asked for.

    A subject's 2-D items of one size are the slices of one volume; other items stand alone.

    Args:
        maps: labels of a subject's items on the network's grid.
        largest_component: whether only the largest component of each class counts. Answers, which
            hold all components, do not say: the scores do (`ReferenceScores`).
    """
    if not largest_component:
        return list(maps)
    if is_stack(maps):
        return list(largest_of_each(np.stack(maps)))
    return [largest_of_each(one) for one in maps]


def on_own_grids(
    maps: Sequence[Map], items: Sequence[PreparedItem], *, largest_component: bool
) -> list[Map]:
    """Labels of a subject's items, finished, on the items' own grids; arguments as for `finish`."""
    finished = finish(maps, largest_component=largest_component)
    return [item.placement.restore(one) for item, one in zip(items, finished, strict=True)]


def is_stack(maps: Sequence[Map]) -> bool:
    """Whether maps are several 2-D ones of one size."""
    return len(maps) > 1 and maps[0].ndim == 2 and len({one.shape for one in maps}) == 1
