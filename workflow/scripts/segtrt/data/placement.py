"""Where an item lies on the network's grid, and the way there and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from segtrt.data.geometry import VolumeGeometry
from segtrt.data.resampling import Method, place_centred, resize

Fit = Literal["linear", "nearest", "area", "pad"]
"""How an item gets the network's size: resized so, or padded and cropped about the middle."""

FITS: tuple[Fit, ...] = get_args(Fit)


@dataclass(frozen=True)
class Placement:
    """An item's own grid, the network's grid, and the steps between them.

    The steps: resample to another spacing; move the slices' axis to the front; crop to a box (with
    `volume`); resize, or pad and crop, to the network's size.
    """

    shape: tuple[int, ...]
    """The item's own size, 2-D or 3-D."""
    grid: tuple[int, ...]
    """The network's grid: one plane (H, W), a volume (D, H, W), or slices of a volume (S, H, W)."""
    axis: int | None = None
    """Axis of `shape` that is cut into slices for a 2-D network."""
    spaced: tuple[int, ...] | None = None
    """Size after resampling to another spacing, in the order of `shape`; None without."""
    fit: Fit = "linear"
    """How the item gets the size of `grid`, where it does not have it already."""
    box: VolumeGeometry | None = None
    """What `volume` keeps of the stack of slices, before it is padded to a square and resized."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "shape": list(self.shape),
            "grid": list(self.grid),
            "axis": self.axis,
            "spaced": None if self.spaced is None else list(self.spaced),
            "fit": self.fit,
            "box": None if self.box is None else self.box.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: `data` is something else.
        """
        sizes = [tuple(int(size) for size in data[key]) for key in ("shape", "grid")]
        if len(sizes[0]) != len(sizes[1]) or min(min(size) for size in sizes) < 1:
            raise ValueError(f"sizes {sizes[0]} and {sizes[1]} are not of one item")
        if data["fit"] not in FITS:
            raise ValueError(f"fit is {data['fit']}, expected one of {', '.join(FITS)}")
        return cls(
            shape=sizes[0],
            grid=sizes[1],
            axis=None if data["axis"] is None else int(data["axis"]),
            spaced=None if data["spaced"] is None else tuple(int(n) for n in data["spaced"]),
            fit=data["fit"],
            box=None if data["box"] is None else VolumeGeometry.from_json(data["box"]),
        )

    @property
    def slices(self) -> range | None:
        """The item's slices that the network sees, along `axis`; None for all of the item."""
        return None if self.box is None else range(*self.box.slices)

    def place_image(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """An image on the network's grid: (channels, *shape) -> (channels, *grid) float32.

        Spacing changes by linear interpolation, size by `fit`. Not for `volume`, whose images
        `segtrt.data.volume.prepare_images` makes.
        """
        if self.box is not None:
            raise ValueError("a cropped volume's images are made by prepare_images")
        spaced = resize(image, self.spaced or self.shape, "linear")
        return self._fitted(self._stacked(spaced), None).astype(np.float32, copy=False)

    def place_labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels of an item on the network's grid, by nearest neighbour: (*shape) -> (*grid)."""
        self._expect(labels, self.shape)
        stacked = self._stacked(resize(labels, self.spaced or self.shape, "nearest"))
        if self.box is not None:
            square = np.zeros((self.box.count, self.box.side, self.box.side), labels.dtype)
            square[:, *self.box.within_square()] = self.box.crop(stacked)
            stacked = square
        return self._fitted(stacked, "nearest")

    def restore(self, values: NDArray[Any], outside: float = 0) -> NDArray[Any]:
        """The way back: labels or network outputs on the item's own grid.

        Args:
            values: labels, (*grid) of an integer type, which go back by nearest neighbour; or
                outputs, (classes, *grid) float32, which go back by linear interpolation.
            outside: what the pixels get that the network did not see. For outputs, pass
                `Decoder.background`.

        Returns:
            (*shape) of the type of `values`, or (classes, *shape) float32.
        """
        labels = np.issubdtype(values.dtype, np.integer)
        self._expect(values, self.grid if labels else (len(values), *self.grid))
        method: Method = "nearest" if labels else "linear"
        lead = values.shape[: values.ndim - len(self.grid)]
        stacked_size = self._stacked_size()
        if self.box is not None:
            square = resize(values, (self.box.count, self.box.side, self.box.side), method)
            stacked = np.full((*lead, *stacked_size), outside, values.dtype)
            box = (slice(*self.box.slices), slice(*self.box.rows), slice(*self.box.columns))
            stacked[(..., *box)] = square[(..., *self.box.within_square())]
        elif self.fit == "pad":
            stacked = place_centred(values, stacked_size, outside)
        else:
            stacked = resize(values, stacked_size, method)
        if self.axis is not None:
            stacked = np.moveaxis(stacked, len(lead), self.axis + len(lead))
        return np.ascontiguousarray(resize(stacked, self.shape, method))

    def _stacked_size(self) -> tuple[int, ...]:
        size = list(self.spaced or self.shape)
        if self.axis is not None:
            size.insert(0, size.pop(self.axis))
        return tuple(size)

    def _stacked(self, values: NDArray[Any]) -> NDArray[Any]:
        """Slices first: (..., *size) -> (..., slices, H, W)."""
        if self.axis is None:
            return values
        lead = values.ndim - len(self.shape)
        return np.moveaxis(values, self.axis + lead, lead)

    def _fitted(self, values: NDArray[Any], method: Method | None) -> NDArray[Any]:
        if self.fit == "pad" and self.box is None:
            return place_centred(values, self.grid)
        chosen: Method = method or ("linear" if self.fit == "pad" else self.fit)
        return np.ascontiguousarray(resize(values, self.grid, chosen))

    def _expect(self, values: NDArray[Any], shape: tuple[int, ...]) -> None:
        if values.shape != shape:
            raise ValueError(f"{shape} expected, got {values.shape}")
