"""Which planes of items pictures may show: 2-D items as they are, of a volume the telling ones."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segtrt.data.labels import IGNORED
from segtrt.quality.outlines import outline

T = TypeVar("T")

MOST_TELLING = 18
"""Planes of a volume that are kept because something lies there."""

MOST_FLIPPED = 6
"""Planes of a volume that are kept because the engine differs there."""

_MOST_CHARACTERS = 6000
"""Of all outlines of a plane together."""


def planes_of(grid: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A label map as planes, (planes, rows, columns): one of a 2-D item."""
    return grid if grid.ndim == 3 else grid[np.newaxis]


def foreground(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pixels of any class in each plane, (planes,) int64."""
    seen = (planes != 0) & (planes != IGNORED)
    counts: NDArray[np.int64] = np.count_nonzero(seen, axis=(1, 2)).astype(np.int64)
    return counts


def informative_planes(counts: NDArray[np.int64]) -> list[int]:
    """Planes spread evenly over those where something lies, that with most among them; ascending.

    Args:
        counts: pixels of any class in each plane, of the truth or, without one, the reference. If
            there is nothing anywhere, all planes count.
    """
    marked = [int(plane) for plane in np.flatnonzero(counts)] or list(range(len(counts)))
    chosen = set(spread(marked, MOST_TELLING))
    if len(marked) > MOST_TELLING:
        chosen.add(int(np.argmax(counts)))
    return sorted(chosen)


def kept_planes(counts: NDArray[np.int64], flipped: NDArray[np.int64]) -> list[int]:
    """`informative_planes`, and those where an engine flips most; ascending."""
    most = np.argsort(-flipped, kind="stable")[:MOST_FLIPPED]
    return sorted({*informative_planes(counts), *(int(one) for one in most if flipped[one])})


def spread(numbers: Sequence[T], count: int) -> list[T]:
    """At most `count` of them, evenly spread with the first and last among them."""
    if len(numbers) <= count:
        return list(numbers)
    places = np.linspace(0, len(numbers) - 1, count) if count > 1 else [len(numbers) // 2]
    return [numbers[round(place)] for place in places]


def outlines_of(plane: NDArray[np.uint8]) -> dict[str, str]:
    """Outlines of each class in a plane, by label; those that are too long together are dropped.

    Args:
        plane: labels, (rows, columns) uint8.
    """
    found: dict[str, str] = {}
    room = _MOST_CHARACTERS
    for label in np.unique(plane):
        if label in (0, IGNORED):
            continue
        path = outline(plane == label)
        room -= len(path)
        if path and (room >= 0 or not found):
            found[str(int(label))] = path
    return found
