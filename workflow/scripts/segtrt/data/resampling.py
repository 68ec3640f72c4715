"""Arrays on another grid: resized about pixel centres, or padded and cropped about the middle.

A grid of `new` pixels covers the same field of view as one of `old`: pixel i's centre lies at
(i + 0.5) * old / new of the old grid, as in `torch.nn.functional.interpolate` with
`align_corners=False`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["nearest", "linear", "area"]


def nearest_index(size: int, new_size: int) -> NDArray[np.intp]:
    """Index of the old pixel that covers each new pixel's centre, (new_size,).

    Integers throughout, so a centre between two pixels goes to the same one on every machine.
    """
    return (2 * np.arange(new_size) + 1) * size // (2 * new_size)


def resize(values: NDArray[Any], size: Sequence[int], method: Method) -> NDArray[Any]:
    """Resize the last `len(size)` axes; axes that keep their length keep their values exactly.

    Args:
        values: (..., *old size), every old size above 0.
        size: pixels along each of those axes.
        method: `nearest` keeps values and type, so it is the one for labels; `linear` goes between
            the nearest two pixels of each axis; `area` averages what each new pixel covers, so
            nothing is skipped where an image gets smaller.

    Returns:
        (..., *size); float32 after `linear` or `area`, unless nothing changed.
    """
    first = values.ndim - len(size)
    changes = [
        (new / old, axis, new)
        for axis, (old, new) in enumerate(zip(values.shape[first:], size, strict=True), first)
        if old != new
    ]
    # Axes that shrink come first, which leaves less to do for the others.
    for _, axis, new in sorted(changes):
        values = _resized_along(values, axis, new, method)
    return values


def place_centred(values: NDArray[Any], size: Sequence[int], fill: float = 0) -> NDArray[Any]:
    """Pad or crop the last `len(size)` axes about the middle; an odd pixel goes to the end.

    Its own inverse, except for what was cropped: placed back on the old size, every value lies
    where it lay.

    Args:
        values: (..., *old size).
        size: pixels along each of those axes.
        fill: value of the padding.
    """
    first = values.ndim - len(size)
    source = [slice(None)] * first
    target = [slice(None)] * first
    for old, new in zip(values.shape[first:], size, strict=True):
        common, spare = min(old, new), abs(old - new) // 2
        source.append(slice(spare, spare + common) if old > new else slice(None))
        target.append(slice(spare, spare + common) if new > old else slice(None))
    placed = np.full((*values.shape[:first], *size), fill, values.dtype)
    placed[tuple(target)] = values[tuple(source)]
    return placed


def _resized_along(values: NDArray[Any], axis: int, new: int, method: Method) -> NDArray[Any]:
    old = values.shape[axis]
    if method == "nearest":
        return np.take(values, nearest_index(old, new), axis)
    if method == "linear":
        centres = (np.arange(new) + 0.5) * (old / new) - 0.5
        between = _interpolated(values.astype(np.float32, copy=False), centres, axis)
        return between.astype(np.float32, copy=False)
    # The mean over a stretch is the difference of the running sum at its two ends.
    start = np.zeros_like(np.take(values, [0], axis), np.float64)
    running = np.concatenate([start, np.cumsum(values, axis, np.float64)], axis)
    edges = _interpolated(running, np.arange(new + 1) * (old / new), axis)
    means: NDArray[Any] = np.diff(edges, axis=axis) * (new / old)
    return means.astype(np.float32)


def _interpolated(values: NDArray[Any], places: NDArray[Any], axis: int) -> NDArray[Any]:
    """Values at fractional indices along an axis; the ends go on beyond the outer pixels."""
    places = np.clip(places, 0, values.shape[axis] - 1)
    below = np.floor(places).astype(np.intp)
    above = np.minimum(below + 1, values.shape[axis] - 1)
    share = (places - below).astype(values.dtype)
    share = share.reshape([-1 if along == axis else 1 for along in range(values.ndim)])
    low = np.take(values, below, axis)
    between: NDArray[Any] = low + (np.take(values, above, axis) - low) * share
    return between
