"""From an item to the network's input: normalise, resample, cut into slices, fit to a size.

One `Preparation` is made from the settings and goes with everything that it decided: the tensors'
metadata, engine records and packages. `Prepared.placement` holds what the way back needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segtrt.data.intensity import Intensity
from segtrt.data.placement import FITS, Fit, Placement
from segtrt.data.volume import find_geometry, prepare_images
from segtrt.errors import SegtrtError


@dataclass(frozen=True)
class Prepared:
    """An item on the network's grid."""

    image: NDArray[np.float32]
    """(channels, *placement.grid) float32, finite."""
    placement: Placement


@dataclass(frozen=True)
class Preparation:
    """How an item becomes the network's input.

    Raises:
        SegtrtError: settings that do not go together.
    """

    intensity: Intensity
    size: tuple[int, ...] | None = None
    """Rows and columns (or depth, rows and columns) that every item is brought to; None keeps the
    item's own, for networks of any size and for windows."""
    fit: Fit = "linear"
    """How an item is brought to `size`."""
    axis: int | None = None
    """For a 2-D network on volumes: the axis that is cut into slices, 0 to 2."""
    spacing: tuple[float | None, ...] | None = None
    """Volumes are resampled to this, in mm, in the order of an array's axes; None keeps an axis."""

    def __post_init__(self) -> None:
        if self.size is not None and min(self.size, default=0) < 1:
            raise SegtrtError(f"tensors.size is {list(self.size)}; expected whole numbers above 0")
        if self.fit not in FITS:
            raise SegtrtError(f"tensors.size is fitted by {self.fit}; expected {', '.join(FITS)}")
        if self.axis not in (None, 0, 1, 2):
            raise SegtrtError(f"tensors.axis is {self.axis}; expected 0, 1, 2 or null")
        if any(step is not None and not step > 0 for step in self.spacing or ()):
            raise SegtrtError(f"tensors.spacing is {self.spacing}; expected mm above 0, or null")
        if self.intensity.normalisation == "volume":
            self._check_volume()

    def _check_volume(self) -> None:
        if self.axis is None or self.spacing is not None:
            raise SegtrtError(
                "tensors.normalisation volume is for slices of a volume on their own grid; set "
                "tensors.axis and leave tensors.spacing out, or choose zscore"
            )
        if self.size is None or len(self.size) != 2 or self.size[0] != self.size[1]:
            given = None if self.size is None else list(self.size)
            raise SegtrtError(
                f"tensors.normalisation volume pads to a square, but tensors.size is {given}; "
                "expected two equal numbers, such as [256, 256]"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **self.intensity.to_json(),
            "size": None if self.size is None else list(self.size),
            "fit": self.fit,
            "axis": self.axis,
            "spacing": None if self.spacing is None else list(self.spacing),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError, SegtrtError: `data` is something else.
        """
        spacing = data["spacing"]
        if spacing is not None:
            spacing = tuple(None if step is None else float(step) for step in spacing)
        return cls(
            intensity=Intensity.from_json(data),
            size=None if data["size"] is None else tuple(int(side) for side in data["size"]),
            fit=data["fit"],
            axis=None if data["axis"] is None else int(data["axis"]),
            spacing=spacing,
        )

    def prepare(self, image: NDArray[Any], spacing: Sequence[float] | None = None) -> Prepared:
        """Bring an item to the network's grid.

        Values are normalised on the item's own grid, so that neither padding nor resampling moves
        a mean; padding is then 0.

        Args:
            image: (channels, *size), any type of real number, 2-D or 3-D. With `volume`, a
                subject's slices as one volume.
            spacing: mm from one pixel to the next along each axis of `size`, if it is known.

        Raises:
            SegtrtError: the item does not fit the settings, or has values that are not finite.
        """
        self._check(image, spacing)
        if image.dtype == np.bool_:
            image = image.view(np.uint8)
        if self.intensity.normalisation == "volume":
            return self._prepare_volume(image)
        placement = self.place(image.shape[1:], spacing)
        normalised = self.intensity.normalise(image, self.axis)
        return Prepared(placement.place_image(normalised), placement)

    def _prepare_volume(self, image: NDArray[Any]) -> Prepared:
        assert self.axis is not None and self.size is not None
        slices_last = np.moveaxis(image, (0, self.axis + 1), (-1, 0))
        box = find_geometry(slices_last)
        ready = prepare_images(slices_last, box, self.size[0])
        grid = (box.count, *self.size)
        placement = Placement(image.shape[1:], grid, self.axis, box=box)
        return Prepared(np.ascontiguousarray(ready.swapaxes(0, 1)), placement)

    def place(self, shape: tuple[int, ...], spacing: Sequence[float] | None) -> Placement:
        """Where an item comes to lie on the network's grid. Not for `volume`, which looks at it.

        Args:
            shape: the item's own size, 2-D or 3-D.
            spacing: mm along each axis, if `self.spacing` is set.
        """
        spaced = None
        if self.spacing is not None:
            assert spacing is not None
            spaced = tuple(
                size if step is None else max(1, round(size * own / step))
                for size, own, step in zip(shape, spacing, self.spacing, strict=True)
            )
        grid = list(spaced or shape)
        if self.axis is not None:
            grid.insert(0, grid.pop(self.axis))
        if self.size is not None:
            grid[len(grid) - len(self.size) :] = self.size
        return Placement(shape, tuple(grid), self.axis, spaced, self.fit)

    def check_size(
        self, shape: tuple[int, ...], spacing: Sequence[float] | None, kind: str
    ) -> None:
        """Refuse an item of a size, or without a spacing, that the settings are not for.

        Args:
            shape: the item's own size, 2-D or 3-D.
            spacing: mm along each axis, if it is known.
            kind: what the item is, for messages, e.g. `an image of size 20 x 24`.

        Raises:
            SegtrtError: it does not fit the settings.
        """
        if self.axis is not None and len(shape) != 3:
            raise SegtrtError(f"tensors.axis is {self.axis}, but there is {kind}; set it to null")
        axes = 2 if self.axis is not None else len(shape)
        if self.intensity.normalisation == "slice" and axes == 3:
            raise SegtrtError(
                f"tensors.normalisation slice is for 2-D networks, but there is {kind}; set "
                "tensors.axis or choose zscore"
            )
        if self.size is not None and len(self.size) != axes:
            raise SegtrtError(
                f"tensors.size is {list(self.size)}, but there is {kind}; expected {axes} numbers"
            )
        if self.spacing is not None:
            if len(self.spacing) != len(shape):
                raise SegtrtError(
                    f"tensors.spacing is {list(self.spacing)}, but there is {kind}; expected "
                    f"{len(shape)} numbers"
                )
            if spacing is None:
                raise SegtrtError(
                    f"tensors.spacing is set, but {kind} has no spacing; use a format that stores "
                    "it, such as NIfTI, or set tensors.spacing to null"
                )

    def _check(self, image: NDArray[Any], spacing: Sequence[float] | None) -> None:
        shape = image.shape[1:]
        kind = f"an image of {image.dtype} and size {' x '.join(map(str, shape))}"
        if len(shape) not in (2, 3) or not image.size:
            raise SegtrtError(f"{kind}, {len(image)} channels; expected 2 or 3 axes, none empty")
        if image.dtype.kind not in "buif":
            raise SegtrtError(f"{kind} has no real numbers; convert it to integers or floats")
        self.check_size(shape, spacing, kind)
        if image.dtype.kind == "f":
            wrong = image.size - int(np.count_nonzero(np.isfinite(image)))
            if wrong:
                raise SegtrtError(
                    f"{kind} has {wrong} values that are not finite numbers; replace them, with 0 "
                    "for instance"
                )
