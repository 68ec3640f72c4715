"""Where a prepared volume lies in the original one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from numpy.typing import NDArray


@dataclass(frozen=True)
class VolumeGeometry:
    """Where a prepared volume lies in the original one; ranges begin at 0, ends are exclusive."""

    shape: tuple[int, int, int]
    """Slices, rows and columns of the original volume."""
    slices: tuple[int, int]
    """Range of the original slices that were kept."""
    rows: tuple[int, int]
    """Range of the original rows inside the crop box."""
    columns: tuple[int, int]
    """Range of the original columns inside the crop box."""

    @property
    def count(self) -> int:
        """Number of prepared slices."""
        return self.slices[1] - self.slices[0]

    @property
    def side(self) -> int:
        """Side of the padded square, in original pixels."""
        return max(self._height, self._width)

    @property
    def _height(self) -> int:
        return self.rows[1] - self.rows[0]

    @property
    def _width(self) -> int:
        return self.columns[1] - self.columns[0]

    def crop(self, volume: NDArray[Any]) -> NDArray[Any]:
        """The part of an original volume (S, H, W, ...) that is kept, as a view."""
        return volume[slice(*self.slices), slice(*self.rows), slice(*self.columns)]

    def within_square(self) -> tuple[slice, slice]:
        """Rows and columns of the crop box within the padded square."""
        top = (self.side - self._height) // 2
        left = (self.side - self._width) // 2
        return slice(top, top + self._height), slice(left, left + self._width)

    def to_json(self) -> dict[str, list[int]]:
        """As JSON values."""
        return {
            "shape": list(self.shape),
            "slices": list(self.slices),
            "rows": list(self.rows),
            "columns": list(self.columns),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: `data` is something else.
        """
        depth, height, width = (int(size) for size in data["shape"])
        ranges = []
        for key, size in (("slices", depth), ("rows", height), ("columns", width)):
            begin, end = (int(bound) for bound in data[key])
            if not 0 <= begin < end <= size:
                raise ValueError(f"{key} {begin} to {end} are not within 0 to {size}")
            ranges.append((begin, end))
        return cls((depth, height, width), *ranges)
