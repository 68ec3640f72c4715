"""How far an engine's outputs and labels are from the reference's."""

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segtrt.quality.scores import Errors

Outputs = NDArray[np.float32]
"""Raw outputs of some patches, (patches, channels, *size) float32."""

_VALUES_AT_ONCE = 1 << 19


class ErrorSums:
    """Sums of float64 from which `Errors` follow; patches and items are added piece by piece."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._patches = self._values = self._pixels = self._flipped = self._non_finite = 0
        self._max = self._sum = 0.0
        self._difference2 = self._engine2 = self._product = 0.0
        # By channel: values, their sum and the sum of their squares, (3, channels).
        self._reference: NDArray[np.float64] = np.zeros((3, 0))

    @property
    def patches(self) -> int:
        """Patches whose outputs were added."""
        return self._patches

    def add(self, reference: Outputs, engine: Outputs) -> None:
        """Add the outputs of some patches; memory does not grow with their number.

        Values of the engine that are not finite count as 0 here; `add_labels` counts them.

        Args:
            reference: (patches, channels, *size), finite.
            engine: the same patches from the engine.

        Raises:
            ValueError: the shapes differ, or the reference is not finite.
        """
        if reference.shape != engine.shape:
            raise ValueError(f"{reference.shape} expected, got {engine.shape}")
        step = max(1, _VALUES_AT_ONCE // max(1, math.prod(reference.shape[1:])))
        for begin in range(0, len(reference), step):
            rows = slice(begin, begin + step)
            self._add_block(reference[rows], engine[rows])
        self._patches += len(reference)

    def add_labels(
        self, reference: NDArray[np.uint8], engine: NDArray[np.uint8], non_finite: int = 0
    ) -> NDArray[np.int64]:
        """Add an item's labels, before components are dropped.

        Args:
            reference: (*grid) uint8.
            engine: the same item from the engine.
            non_finite: output values of the engine that were not finite.

        Returns:
            Flipped pixels of each plane, (planes,) int64; of a 2-D item one figure.

        Raises:
            ValueError: the shapes differ.
        """
        if reference.shape != engine.shape:
            raise ValueError(f"{reference.shape} expected, got {engine.shape}")
        planes = (reference != engine).reshape(_planes(reference.shape), -1)
        flips: NDArray[np.int64] = np.count_nonzero(planes, axis=1).astype(np.int64)
        self._pixels += reference.size
        self._flipped += int(flips.sum())
        self._non_finite += non_finite
        return flips

    def merged(self, other: Self) -> Self:
        """The sums of both, which stay as they are."""
        both = type(self)()
        for name in vars(self).keys() - {"_max", "_reference"}:
            setattr(both, name, getattr(self, name) + getattr(other, name))
        both._max = max(self._max, other._max)
        known = [one._reference for one in (self, other) if one._reference.size]
        if known:
            both._reference = np.sum(known, axis=0)
        return both

    def _add_block(self, reference: Outputs, engine: Outputs) -> None:
        # `max` would pass over a difference that is no number.
        if not np.isfinite(reference).all():
            raise ValueError("a reference of finite values expected")
        expected = reference.astype(np.float64)
        actual = np.where(np.isfinite(engine), engine, 0).astype(np.float64)
        difference = np.abs(actual - expected)
        self._values += difference.size
        self._max = max(self._max, float(difference.max(initial=0.0)))
        self._sum += float(difference.sum())
        # Not `vdot`: the last digits of BLAS depend on its threads and on where arrays lie.
        self._difference2 += float(np.square(difference).sum())
        self._engine2 += float(np.square(actual).sum())
        self._product += float((expected * actual).sum())
        rest = (0, *range(2, expected.ndim))
        channels = expected.shape[1]
        sums = np.array(
            [
                np.full(channels, expected.size / channels),
                expected.sum(axis=rest),
                np.square(expected).sum(axis=rest),
            ]
        )
        self._reference = self._reference + sums if self._reference.size else sums

    def errors(self) -> Errors:
        """The figures of all that was added.

        Raises:
            ValueError: no outputs or no labels were added.
        """
        if not self._values or not self._pixels:
            raise ValueError("neither outputs nor labels may be missing")
        reference2 = float(self._reference[2].sum())
        norms = math.sqrt(reference2) * math.sqrt(self._engine2)
        silent = reference2 == self._engine2 == 0
        rms = math.sqrt(self._difference2 / self._values)
        return Errors(
            patches=self._patches,
            values=self._values,
            max_abs_error=self._max,
            mean_abs_error=self._sum / self._values,
            rms_error=rms,
            relative_rms=_ratio(rms, self._spread()),
            relative_l2=_ratio(math.sqrt(self._difference2), math.sqrt(reference2)),
            cosine_similarity=1.0 if silent else min(1.0, _ratio(self._product, norms)),
            pixels=self._pixels,
            flipped_pixels=self._flipped,
            flipped_fraction=self._flipped / self._pixels,
            non_finite=self._non_finite,
        )

    def _spread(self) -> float:
        """Standard deviation of the reference's values about their channel's mean."""
        counts, sums, squares = self._reference
        return math.sqrt(max(0.0, float((squares - sums**2 / counts).sum())) / self._values)


def _planes(shape: tuple[int, ...]) -> int:
    return shape[0] if len(shape) == 3 else 1


def _ratio(part: float, whole: float) -> float:
    """`part / whole`; where `whole` is zero, `part` itself, which is then an absolute figure."""
    return part / whole if whole else part
