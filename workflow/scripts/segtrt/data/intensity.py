"""Normalisation of an item's values, with its parameters; sizes stay as they are.

- `slice`: the TensorRT introduction's way (`segtrt.data.normalise`), each slice for itself.
- `volume`: the way of the network's authors (`segtrt.data.volume`); it crops and resizes too, so
  `segtrt.data.preparation` does it.
- `zscore`: nnU-Net's way: clip, subtract the mean, divide by the standard deviation.
- `scale`: map to 0..1, then subtract and divide if `mean` and `std` are given, as torchvision does
  (`range: [0, 255]` with ImageNet's figures).
- `none`: the type changes, the values do not.
- Anything with a colon names the user's function.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segtrt.addresses import shown_place
from segtrt.data.normalisations import NORMALISATIONS, PARAMETRIC
from segtrt.data.normalise import HIGH_PERCENTILE, LOW_PERCENTILE, slice_tables
from segtrt.errors import SegtrtError
from segtrt.user_function import Origin, load_function, names_function

_SETTING = "tensors.normalisation"


@dataclass(frozen=True)
class Intensity:
    """How an item's values become the network's.

    Raises:
        SegtrtError: no such normalisation, or parameters that it does not use or that are
            impossible.
    """

    normalisation: str
    """One of `NORMALISATIONS`, `module:function` or `path/to/file.py:function`."""
    mean: tuple[float, ...] | None = None
    """Subtracted, one for all channels or one each; `zscore` takes the item's own if it is None."""
    std: tuple[float, ...] | None = None
    """Divided by, above 0; given exactly if `mean` is."""
    range: tuple[float, float] | None = None
    """Values are clipped to it first; `scale` maps it to 0..1."""
    percentiles: tuple[float, float] | None = None
    """Instead of `range`: 0 to 100, of each channel of the item."""
    nonzero_only: bool = False
    """Statistics are those of each channel's values other than 0, and zeros stay 0."""
    origin: Origin | None = field(default=None, compare=False)
    """Of a function's file that came along with a description; None for the user's own. It is where
    the description was found, so no description has it."""

    def __post_init__(self) -> None:
        name = self.normalisation
        if name not in NORMALISATIONS and not names_function(name):
            raise SegtrtError(
                f"{_SETTING} is {name!r}; expected {', '.join(NORMALISATIONS)}, module:function or "
                "path/to/file.py:function"
            )
        given = [key for key, value in self.to_json().items() if key != "normalisation" and value]
        if given and name not in PARAMETRIC:
            raise SegtrtError(
                f"{_SETTING} {name} has no use for {', '.join(given)}; leave that out or choose "
                f"{' or '.join(PARAMETRIC)}"
            )
        if (self.mean is None) != (self.std is None):
            raise SegtrtError(f"{_SETTING} {name} has one of mean and std; give both or neither")
        if self.std is not None and min(self.std, default=0) <= 0:
            raise SegtrtError(f"{_SETTING} {name} has std {list(self.std)}; expected above 0")
        if self.range is not None and self.percentiles is not None:
            raise SegtrtError(f"{_SETTING} {name} has range and percentiles; give one of them")
        low, high = self.range or self.percentiles or (0, 1)
        if low >= high or (self.percentiles is not None and (low < 0 or high > 100)):
            raise SegtrtError(
                f"{_SETTING} {name} goes from {low} to {high}; expected the lower value first, and "
                "percentiles within 0 to 100"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON values; what is None or False is left out, and so is where a file lies."""
        values = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if key != "origin" and value is not None and value is not False
        }
        return {**values, "normalisation": shown_place(self.normalisation)}

    def function(self) -> Callable[..., Any] | None:
        """The user's function, loaded; None for what is built in.

        Raises:
            SegtrtError: there is no such module, file or function, or importing it fails.
        """
        if not names_function(self.normalisation):
            return None
        return load_function(self.normalisation, _SETTING, self.origin)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what `to_json` gave, or from settings.

        Raises:
            KeyError, TypeError, ValueError, SegtrtError: `data` is something else.
        """
        lists = {
            key: tuple(float(number) for number in data[key])
            for key in ("mean", "std", "range", "percentiles")
            if data.get(key) is not None
        }
        for key in lists.keys() & {"range", "percentiles"}:
            if len(lists[key]) != 2:
                raise ValueError(f"{key} has {len(lists[key])} numbers, expected 2")
        nonzero_only = bool(data.get("nonzero_only", False))
        return cls(str(data["normalisation"]), **lists, nonzero_only=nonzero_only)  # type: ignore[arg-type]

    def normalise(self, image: NDArray[Any], slice_axis: int | None) -> NDArray[np.float32]:
        """Normalise an item.

        Where there is no contrast (one value throughout a slice or channel, or equal percentiles),
        there is nothing to divide by, and the result of stretching or z-scoring is 0.

        Args:
            image: (channels, *size), any type of real number, finite, at least one pixel.
            slice_axis: for `slice`, the axis of `size` along which slices lie, or None for an
                image, which is one slice.

        Returns:
            (channels, *size) float32, finite.

        Raises:
            SegtrtError: `mean` or `std` is not one number or one for each channel; the user's
                function fails or gives something else than such an array; or the result does not
                fit into float32.
        """
        name = self.normalisation
        if name == "volume":
            raise ValueError("volume changes sizes too; Preparation.prepare does it")
        with np.errstate(over="ignore"):
            if name == "slice":
                result = _normalised_slices(image, slice_axis)
            elif name == "none":
                result = image.astype(np.float32)
            elif name in PARAMETRIC:
                result = self._normalised_channels(image)
            else:
                result = self._by_function(image)
        wrong = result.size - int(np.count_nonzero(np.isfinite(result)))
        if wrong:
            raise SegtrtError(
                f"{_SETTING} {name} gives {wrong} values that are not finite in float32; correct "
                "the images or choose another normalisation"
            )
        return result

    def _normalised_channels(self, image: NDArray[Any]) -> NDArray[np.float32]:
        channels = len(image)
        for key, numbers in (("mean", self.mean), ("std", self.std)):
            if numbers is not None and len(numbers) not in (1, channels):
                raise SegtrtError(
                    f"{_SETTING} {self.normalisation} has {len(numbers)} values of {key} for "
                    f"images with {channels} channels; give 1 or {channels}"
                )
        result = np.empty(image.shape, np.float32)
        for channel, values in enumerate(image):
            result[channel] = self._channel(values.astype(np.float64), channel)
        return result

    def _channel(self, values: NDArray[np.float64], channel: int) -> NDArray[np.float64]:
        chosen = values[values != 0] if self.nonzero_only else values.reshape(-1)
        if not chosen.size:
            return values
        zeros = values == 0 if self.nonzero_only else None
        bounds = self.range
        if self.percentiles is not None:
            low, high = np.percentile(chosen, self.percentiles)
            bounds = (float(low), float(high))
        if self.normalisation == "scale":
            low, high = bounds or (float(chosen.min()), float(chosen.max()))
            extent = high - low
            values = (np.clip(values, low, high) - low) / extent if extent else values * 0
        elif bounds is not None:
            values, chosen = np.clip(values, *bounds), np.clip(chosen, *bounds)
        if self.mean is not None and self.std is not None:
            values = (values - self.mean[channel % len(self.mean)]) / self.std[
                channel % len(self.std)
            ]
        elif self.normalisation == "zscore":
            flat = chosen.min() == chosen.max()
            values = values * 0 if flat else (values - chosen.mean()) / chosen.std()
        if zeros is not None:
            values[zeros] = 0
        return values

    def _by_function(self, image: NDArray[Any]) -> NDArray[np.float32]:
        function = self.function()
        assert function is not None
        where = f"{_SETTING} {self.normalisation}"
        try:
            result = function(image.copy())
        except Exception as error:
            raise SegtrtError(
                f"{where} fails on an image of {image.dtype} {image.shape} "
                f"({type(error).__name__}: {error}); correct the function"
            ) from error
        given = (
            f"{result.dtype} {result.shape}"
            if isinstance(result, np.ndarray)
            else type(result).__name__
        )
        right = (
            isinstance(result, np.ndarray)
            and result.shape == image.shape
            and np.issubdtype(result.dtype, np.floating)
        )
        if not right:
            raise SegtrtError(
                f"{where} gives {given}; expected a NumPy array of float32 {image.shape}, the "
                "shape of the image"
            )
        converted: NDArray[np.float32] = result.astype(np.float32)
        return converted


def _normalised_slices(image: NDArray[Any], slice_axis: int | None) -> NDArray[np.float32]:
    result = np.empty(image.shape, np.float32)
    if slice_axis is None:
        pairs = [(image, result)]
    else:
        stacks = (np.moveaxis(array, slice_axis + 1, 0) for array in (image, result))
        pairs = list(zip(*stacks, strict=True))
    for values, target in pairs:
        if values.dtype == np.uint8:
            _, table = slice_tables(np.moveaxis(values, 0, -1))
            target[...] = np.take(table, values)
            continue
        low, high = np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE))
        clipped = np.clip(values.astype(np.float64), low, high)
        flat = low == high
        target[...] = 0 if flat else (clipped - clipped.mean()) / clipped.std()
    return result
