"""What readers give: pixels, and where they lie in space."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPACING_TOLERANCE = 0.01
"""Share of a spacing."""

_PLACE_TOLERANCE = 0.1
"""Share of the smallest spacing: how far two corners may lie apart."""


@dataclass(frozen=True)
class Geometry:
    """Where an image lies in the patient.

    Origin and direction are ITK's: axes x, y, z (columns, rows, slices), millimetres, LPS.
    """

    spacing: tuple[float, ...]
    """Millimetres between pixels in the array's order: (rows, columns) or (slices, rows,
    columns)."""
    origin: tuple[float, ...]
    """Centre of the first pixel."""
    direction: tuple[float, ...]
    """Cosines, row by row: column j is the direction of the image's axis j."""

    def differs(self, other: "Geometry", size: tuple[int, ...]) -> str | None:
        """How another geometry differs for an image of `size`, or None if they agree."""
        if len(self.spacing) != len(other.spacing):
            return f"{len(other.spacing)} axes instead of {len(self.spacing)}"
        if not np.allclose(self.spacing, other.spacing, rtol=_SPACING_TOLERANCE, atol=0):
            return f"spacing {_short(other.spacing)} mm instead of {_short(self.spacing)} mm"
        if not np.allclose(self._corners(size), other._corners(size), rtol=0, atol=self._slack):
            return (
                f"origin {_short(other.origin)} and direction {_short(other.direction)} instead of "
                f"{_short(self.origin)} and {_short(self.direction)}"
            )
        return None

    @property
    def _slack(self) -> float:
        return _PLACE_TOLERANCE * min(self.spacing)

    def _corners(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        """The first pixel's centre, and the last one's along each axis, (axes + 1, axes)."""
        axes = len(self.spacing)
        steps = np.diag([(n - 1) * s for n, s in zip(size[::-1], self.spacing[::-1], strict=True)])
        ends = steps @ np.reshape(self.direction, (axes, axes)).T
        corners: NDArray[np.float64] = np.vstack([np.zeros(axes), ends]) + np.array(self.origin)
        return corners


@dataclass(frozen=True)
class Image:
    """An image as it is stored."""

    array: NDArray[Any]
    """(channels, rows, columns) or (channels, slices, rows, columns), type as stored."""
    geometry: Geometry | None = None
    """None for plain pictures and arrays, which have no millimetres."""
    orientation: int = 1
    """The EXIF orientation that was applied, 1 to 8; 1 turns nothing."""

    @property
    def size(self) -> tuple[int, ...]:
        """(rows, columns) or (slices, rows, columns)."""
        return self.array.shape[1:]


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn a stored picture the way that its EXIF orientation says it is to be seen.

    Args:
        array: (..., rows, columns).
        orientation: 1 to 8, as in the EXIF standard (CIPA DC-008, tag 274).
    """
    if orientation >= 5:
        array = array.swapaxes(-1, -2)
    flips = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
    rows, columns = flips.get(orientation, (1, 1))
    return np.ascontiguousarray(array[..., ::rows, ::columns])


def _short(values: tuple[float, ...]) -> str:
    return f"({', '.join(f'{value:.4g}' for value in values)})"
