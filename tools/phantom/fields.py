"""Smooth random fields over millimetres: the raw material of deformation, texture and bias."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_REACH_MM = 150.0
"""Fields are defined from -150 to 150 mm along each axis."""


@dataclass(frozen=True)
class Grid:
    """Pixel centres of a stack of axial slices in the head's frame, in millimetres."""

    z: Array
    """(slices,) heights, from the skull base to the vertex."""
    y: Array
    """(rows,) row 0 is the most anterior."""
    x: Array
    """(columns,)"""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        return len(self.z), len(self.y), len(self.x)


def _spline(positions_mm: Array, spacing_mm: float) -> tuple[NDArray[np.intp], list[Array]]:
    """First knot and the four cubic B-spline weights at each position."""
    place = (np.clip(positions_mm, -_REACH_MM, _REACH_MM) + _REACH_MM) / spacing_mm
    first = np.floor(place).astype(np.intp)
    t = place - first
    weights = [
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    ]
    return first, weights


def random_field(rng: np.random.Generator, grid: Grid, spacing_mm: float) -> Array:
    """A smooth random field of mean 0 and a standard deviation of about 1.

    Normal deviates at the knots of a uniform cubic B-spline; it depends on the generator and on
    the positions only, so more slices through one head show the same head.

    Args:
        rng: source of the deviates.
        grid: where the field is wanted.
        spacing_mm: distance of the knots, about half the size of the field's blobs.

    Returns:
        (slices, rows, columns) float64.
    """
    knots = int(np.floor(2 * _REACH_MM / spacing_mm)) + 4
    values = rng.standard_normal((knots, knots, knots))
    # Mean over a cell of the sum of squared weights is 151/315 along one axis.
    values *= (315 / 151) ** 1.5
    # Rows last: whole rows are then copied, which is several times as fast.
    for axis, positions in ((0, grid.z), (2, grid.x), (1, grid.y)):
        first, weights = _spline(positions, spacing_mm)
        along = [1, 1, 1]
        along[axis] = -1
        wider = np.take(values, first, axis=axis)
        wider *= weights[0].reshape(along)
        for k in (1, 2, 3):
            part = np.take(values, first + k, axis=axis)
            part *= weights[k].reshape(along)
            wider += part
        values = wider
    return values


def smoothstep(values: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, 3t^2 - 2t^3 between; `high` may be less than `low`."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    result: Array = t * t * (3 - 2 * t)
    return result
