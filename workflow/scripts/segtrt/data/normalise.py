"""Normalisation of one slice: the TensorRT introduction's way, as one table lookup.

The introduction
(https://developer.nvidia.com/blog/speeding-up-deep-learning-inference-using-tensorrt/) takes the
10th and 99th percentile of all values of a slice, stretches that range to 0..255 with
`skimage.exposure.rescale_intensity`, then subtracts the mean and divides by the standard deviation.
A uint8 slice stays uint8 when it is stretched, so a value's result depends on the value and on the
slice's histogram alone: percentiles, mean and deviation come from 256 counts, and the slice is read
through a table of 256 floats.
"""

import math

import numpy as np
from numpy.typing import NDArray

LOW_PERCENTILE = 10
HIGH_PERCENTILE = 99


def histogram_percentile(counts: NDArray[np.integer], percent: float) -> float:
    """The percentile that `np.percentile` gives (linear interpolation) for uint8 values.

    Args:
        counts: (256,) how often each value occurs; at least one is above zero.
        percent: 0 to 100.
    """
    ends = np.cumsum(counts)
    position = (int(ends[-1]) - 1) * (percent / 100)
    before = math.floor(position)
    # The value at rank r (from 0) is the first one whose cumulative count exceeds r.
    ranks = [before, min(before + 1, int(ends[-1]) - 1)]
    low, high = (int(value) for value in np.searchsorted(ends, ranks, side="right"))
    weight = position - before
    # The nearer value is the starting point, as in NumPy, so that even the last bit agrees.
    if weight >= 0.5:
        return high - (high - low) * (1 - weight)
    return low + (high - low) * weight


def rescale_table(low: float, high: float) -> NDArray[np.uint8]:
    """What `skimage.exposure.rescale_intensity` makes of each uint8 value.

    Args:
        low: becomes 0, as does all below it.
        high: becomes 255, as does all above it; if it equals `low`, every value becomes `low`.

    Returns:
        (256,) uint8.
    """
    values = np.clip(np.arange(256, dtype=np.float64), low, high)
    if low != high:
        values = (values - low) / (high - low) * 255.0
    return values.astype(np.uint8)


def slice_tables(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The tables that stretch and normalise one slice.

    Args:
        image: (H, W, 3) uint8, at least one pixel.

    Returns:
        (256,) uint8, each value stretched; and (256,) float32, each value normalised.
    """
    from PIL import Image

    # Pillow counts bytes as they are; NumPy widens each of them to 64 bits first.
    grey = Image.fromarray(np.ascontiguousarray(image.reshape(image.shape[0], -1)))
    counts = np.array(grey.histogram(), np.int64)
    stretched = rescale_table(
        histogram_percentile(counts, LOW_PERCENTILE), histogram_percentile(counts, HIGH_PERCENTILE)
    )
    levels = stretched.astype(np.float64)
    mean = np.dot(counts, levels) / image.size
    centred = levels - mean
    deviation = math.sqrt(np.dot(counts, centred * centred) / image.size)
    if np.all(stretched[counts > 0] == stretched[np.argmax(counts)]):
        return stretched, np.zeros(256, np.float32)
    return stretched, (centred / deviation).astype(np.float32)


def normalise_slice(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Normalise one slice to zero mean and unit variance after stretching its contrast.

    Mean and deviation are scalars over all pixels and channels. A slice without contrast (one value
    throughout, or its 10th and 99th percentile alike) has no deviation to divide by; it becomes
    all zeros.

    Args:
        image: (H, W, 3) uint8, 0..255.

    Returns:
        (3, H, W) float32, z-scored.
    """
    _, table = slice_tables(image)
    return np.take(table, np.ascontiguousarray(image.transpose(2, 0, 1)))
