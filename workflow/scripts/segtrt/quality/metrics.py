"""Figures that say how far an engine's output is from a reference, and how well it segments."""

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segtrt.arrays import Masks
from segtrt.quality.scores import Errors

Probabilities = NDArray[np.float32]
"""Foreground probabilities of some slices, (n, height, width) float32 in 0..1."""

_ROWS_AT_ONCE = 8


def dice(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Dice coefficient 2 |A and B| / (|A| + |B|) of two masks of one shape, in 0..1.

    Any non-zero value is foreground. Two empty masks agree: 1.0.

    Source: L. R. Dice, Ecology 26 (1945) 297-302; on a subject's whole volume, as the network's
    authors count it.

    Raises:
        ValueError: the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"masks of one shape expected, got {first.shape} and {second.shape}")
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero(np.logical_and(first, second)) / total if total else 1.0


def largest_component(volume: NDArray[Any]) -> Masks:
    """Keep the largest connected component of a mask; an empty mask stays empty.

    Args:
        volume: (slices, height, width); any non-zero value is foreground. Voxels are connected
            through faces (6 neighbours); of several largest components the first in scan order is
            kept.

    The same result as `medpy.filter.binary.largest_connected_component`, which fails on an empty
    mask and goes over the volume once per component: minutes on the speckled masks of a broken
    engine. Here all components are counted in one pass.
    """
    from scipy import ndimage

    labels, count = ndimage.label(volume)
    if count == 0:
        return np.zeros(volume.shape, np.bool_)
    sizes = np.bincount(labels.ravel())
    kept: Masks = labels == 1 + int(np.argmax(sizes[1:]))
    return kept


def masks_of(probabilities: Probabilities, threshold: float, *, largest: bool) -> Masks:
    """Masks of one subject's slices, in slice order.

    Args:
        probabilities: the subject's slices.
        threshold: a pixel above it is foreground; a value that is not a number is background.
        largest: keep only the largest component of the subject's volume.
    """
    masks: Masks = probabilities > threshold
    return largest_component(masks) if largest else masks


class ErrorSums:
    """Sums of float64 from which `Errors` follow; slices are added piece by piece."""

    def __init__(self, threshold: float) -> None:
        """`threshold`: probability above which a pixel is foreground."""
        self._threshold = threshold
        self._pixels = self._flipped = self._non_finite = 0
        self._max = self._sum = 0.0
        self._difference2 = self._reference2 = self._engine2 = self._product = 0.0

    def add(self, reference: Probabilities, engine: Probabilities) -> NDArray[np.int64]:
        """Add slices; memory does not grow with their number.

        Args:
            reference: (n, height, width), finite.
            engine: the same slices from the engine.

        Returns:
            (n,) int64, each slice's flipped pixels.

        Raises:
            ValueError: the shapes differ, or the reference is not finite.
        """
        if reference.shape != engine.shape:
            raise ValueError(f"{reference.shape} expected, got {engine.shape}")
        flipped = np.zeros(len(reference), np.int64)
        for begin in range(0, len(reference), _ROWS_AT_ONCE):
            rows = slice(begin, begin + _ROWS_AT_ONCE)
            flipped[rows] = self._add_block(reference[rows], engine[rows])
        return flipped

    def merged(self, other: Self) -> Self:
        """The sums of both, which stay as they are.

        Raises:
            ValueError: the thresholds differ.
        """
        if self._threshold != other._threshold:
            raise ValueError("sums of one threshold expected")
        both = type(self)(self._threshold)
        for name in vars(self).keys() - {"_threshold", "_max"}:
            setattr(both, name, getattr(self, name) + getattr(other, name))
        both._max = max(self._max, other._max)
        return both

    def _add_block(self, reference: Probabilities, engine: Probabilities) -> NDArray[np.int64]:
        finite = np.isfinite(engine)
        # `max` would pass over a difference that is no number.
        if not np.isfinite(reference).all():
            raise ValueError("a reference of finite values expected")
        expected = reference.astype(np.float64)
        actual = np.where(finite, engine, 0).astype(np.float64)
        difference = np.abs(actual - expected)
        self._pixels += difference.size
        self._non_finite += difference.size - int(np.count_nonzero(finite))
        self._max = max(self._max, float(difference.max(initial=0.0)))
        self._sum += float(difference.sum())
        self._difference2 += float(np.vdot(difference, difference))
        self._reference2 += float(np.vdot(expected, expected))
        self._engine2 += float(np.vdot(actual, actual))
        self._product += float(np.vdot(expected, actual))
        flips = (reference > self._threshold) != (engine > self._threshold)
        counts: NDArray[np.int64] = np.count_nonzero(flips, axis=(1, 2)).astype(np.int64)
        self._flipped += int(counts.sum())
        return counts

    def errors(self) -> Errors:
        """The figures of all that was added.

        Raises:
            ValueError: nothing was added.
        """
        if not self._pixels:
            raise ValueError("no slices were added")
        norms = math.sqrt(self._reference2) * math.sqrt(self._engine2)
        silent = self._reference2 == self._engine2 == 0
        return Errors(
            pixels=self._pixels,
            max_abs_error=self._max,
            mean_abs_error=self._sum / self._pixels,
            relative_l2=_ratio(math.sqrt(self._difference2), math.sqrt(self._reference2)),
            cosine_similarity=1.0 if silent else min(1.0, _ratio(self._product, norms)),
            flipped_pixels=self._flipped,
            flipped_fraction=self._flipped / self._pixels,
            non_finite=self._non_finite,
        )


def _ratio(part: float, whole: float) -> float:
    """`part / whole`; where `whole` is zero, `part` itself, which is then an absolute figure."""
    return part / whole if whole else part
