"""Preprocessing of a subject's whole volume, the network's authors' way.

The steps and their order are those of https://github.com/mateuszbuda/brain-segmentation-pytorch
(`dataset.py`, `utils.py`): leave out the first and last slice, crop to the box that is not dark,
pad to a square, resize to the network's size (theirs is 256 x 256) and normalise.
"""

from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.geometry import VolumeGeometry
from segtrt.data.normalise import HIGH_PERCENTILE, LOW_PERCENTILE
from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DARK_FRACTION = 0.1
"""Values below this share of the volume's maximum count as background."""

MIN_SLICES = 3
"""The first and last slice are left out, so fewer leave nothing."""

_SPLINE_ORDER = 2

_NEGLIGIBLE_WEIGHT = 1e-12

_NEGLIGIBLE_CONTRAST = 1e-9
"""Of values in 0..1: what rounding leaves of a constant stays below, a grey level is 4e-3."""


def find_geometry(images: NDArray[Any]) -> VolumeGeometry:
    """Find which slices, rows and columns of a volume are kept.

    A volume that is dark throughout keeps its whole area, for lack of anything to crop to.

    Args:
        images: (S, H, W, channels), in the order of the slices, any type of number.

    Raises:
        SegtrtError: fewer than three slices.
    """
    depth, height, width = images.shape[:3]
    if depth < MIN_SLICES:
        raise SegtrtError(
            f"volume normalisation leaves out a subject's first and last slice and so needs at "
            f"least {MIN_SLICES} slices, got {depth}; leave the subject out or set "
            "tensors.normalisation to slice"
        )
    inner = images[1:-1]
    # A few whole-array maxima are many times as fast as one along the last, short axis.
    peak = reduce(np.maximum, np.moveaxis(inner, -1, 0))
    bright = (peak > 0) & (peak >= peak.max() * DARK_FRACTION)
    whole = (depth, height, width)
    if not bright.any():
        return VolumeGeometry(whole, (1, depth - 1), (0, height), (0, width))
    plane = bright.any(axis=0)
    first, end = _extent(bright.any(axis=(1, 2)))
    return VolumeGeometry(
        whole, (first + 1, end + 1), _extent(plane.any(axis=1)), _extent(plane.any(axis=0))
    )


def prepare_images(
    images: NDArray[Any], geometry: VolumeGeometry, size: int
) -> NDArray[np.float32]:
    """Crop, pad, resize and normalise a volume.

    Values below 10 % of the maximum become 0; what is left is resized with quadratic splines; the
    range from the 10th to the 99th percentile is stretched to 0..1, then each channel is z-scored
    over the whole volume. Where there is no contrast (equal percentiles, or a channel with one
    value throughout) the result is 0.

    Args:
        images: (S, H, W, channels), in the order of the slices, any type of number.
        geometry: from `find_geometry` of these images.
        size: rows and columns of the result.

    Returns:
        (S', channels, size, size) float32.
    """
    return _normalised(_resized(images, geometry, size))


def _extent(occupied: NDArray[np.bool_]) -> tuple[int, int]:
    """First true element, and one past the last."""
    (places,) = np.nonzero(occupied)
    return int(places[0]), int(places[-1]) + 1


@lru_cache(maxsize=8)
def _spline_weights(size: int, new_size: int) -> "csr_array":
    """Matrix (new_size, size) that resizes one axis as `skimage.transform.resize` does.

    A spline of a volume is a product of splines along its axes, and linear in the values, so what
    resizing does to unit vectors is all there is to know. A pixel's influence falls to a sixth with
    every pixel of distance; weights too small to matter are left out.
    """
    from scipy.sparse import csr_array
    from skimage.transform import resize

    columns = [
        resize(  # type: ignore[no-untyped-call]
            unit,
            (new_size,),
            order=_SPLINE_ORDER,
            mode="constant",
            cval=0,
            clip=False,
            anti_aliasing=False,
        )
        for unit in np.eye(size)
    ]
    weights = np.stack(columns, axis=1)
    return csr_array(np.where(np.abs(weights) > _NEGLIGIBLE_WEIGHT, weights, 0))


def _resized(images: NDArray[Any], geometry: VolumeGeometry, size: int) -> NDArray[np.float64]:
    """Crop, darken, pad and resize; (S', channels, size, size) float64 in 0..1."""
    side, channels = geometry.side, images.shape[-1]
    weights = _spline_weights(side, size)
    box = geometry.crop(images)
    peak = images[1:-1].max()
    threshold = peak * DARK_FRACTION
    # The unit changes nothing but rounding: a z-score does not depend on it.
    unit = 255.0 if images.dtype == np.uint8 or peak <= 0 else float(peak)
    rows, columns = geometry.within_square()
    square = np.zeros((side, channels, side), np.float64)
    volume = np.empty((geometry.count, channels, size, size), np.float64)
    lowest, highest = unit, 0.0
    for plane, target in zip(box, volume, strict=True):
        kept = np.where(plane < threshold, 0, plane)
        lowest = min(lowest, float(kept.min()))
        highest = max(highest, float(kept.max()))
        square[rows, :, columns] = kept.transpose(0, 2, 1) / unit
        tall = (weights @ square.reshape(side, -1)).reshape(size, channels, side)
        wide = weights @ tall.transpose(2, 1, 0).reshape(side, -1)
        target[...] = wide.reshape(size, channels, size).transpose(1, 2, 0)
    padded = box.shape[1] != box.shape[2]
    # Splines overshoot at edges; values stay within the range they came from, which includes the
    # 0 around the square where that shows.
    lowest = 0.0 if padded or volume.min() <= 0 else lowest
    return np.clip(volume, lowest / unit, highest / unit, out=volume)


def _normalised(volume: NDArray[np.float64]) -> NDArray[np.float32]:
    """Clip (S', channels, size, size) in place to its percentiles, and z-score each channel.

    Stretching the range between the percentiles to 0..1 first would change nothing: a z-score does
    not depend on scale and offset.
    """
    result = np.zeros(volume.shape, np.float32)
    low, high = np.percentile(volume, (LOW_PERCENTILE, HIGH_PERCENTILE))
    if high - low < _NEGLIGIBLE_CONTRAST:
        return result
    squares = np.zeros(volume.shape[1])
    np.clip(volume, low, high, out=volume)
    mean = volume.mean(axis=(0, 2, 3))[:, np.newaxis, np.newaxis]
    for plane in volume:
        np.subtract(plane, mean, out=plane)
        squares += np.einsum("chw,chw->c", plane, plane)
    deviation = np.sqrt(squares / volume[:, 0].size)
    scale = np.zeros(volume.shape[1])
    np.divide(1, deviation, out=scale, where=deviation >= _NEGLIGIBLE_CONTRAST)
    for plane, target in zip(volume, result, strict=True):
        np.multiply(plane, scale[:, np.newaxis, np.newaxis], out=target, casting="same_kind")
    return result
