"""A predicted mask over its image, as a PNG for people."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.labels import IGNORED

_COLOURS = np.array(
    [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0]],
    np.float32,
)
"""Of classes 1, 2, ... in turn: Okabe and Ito's, which colour-blind people tell apart."""

_OPACITY = 0.35
_PERCENTILES = (1, 99)


def overlay_png(image: NDArray[Any], labels: NDArray[np.uint8]) -> bytes:
    """Draw a mask: classes tinted, their outlines in full colour.

    Of a volume it is the plane with most foreground, or the middle one.

    Args:
        image: (channels, *size): three channels of a picture are red, green and blue, of others the
            middle one is shown.
        labels: (*size) uint8.

    Returns:
        A PNG.
    """
    from PIL import Image

    if labels.ndim == 3:
        filled = np.count_nonzero((labels != 0) & (labels != IGNORED), axis=(1, 2))
        plane = int(filled.argmax()) if filled.any() else len(labels) // 2
        image, labels = image[:, plane], labels[plane]
    drawn = _shades(image)
    for label in np.unique(labels):
        if label not in (0, IGNORED):
            inside = labels == label
            colour = _COLOURS[(int(label) - 1) % len(_COLOURS)]
            drawn[inside] = (1 - _OPACITY) * drawn[inside] + _OPACITY * colour
            drawn[inside & ~_within(inside)] = colour
    content = io.BytesIO()
    Image.fromarray(np.rint(drawn).astype(np.uint8)).save(content, "PNG")
    return content.getvalue()


def _shades(image: NDArray[Any]) -> NDArray[np.float32]:
    """(channels, rows, columns) as (rows, columns, 3) float32, 0 to 255."""
    if len(image) == 3 and image.dtype == np.uint8:
        return np.moveaxis(image, 0, -1).astype(np.float32)
    shown = image[len(image) // 2].astype(np.float32)
    low, high = np.percentile(shown, _PERCENTILES)
    extent = float(high - low) or 1.0
    grey = np.clip((shown - low) / extent, 0, 1) * 255
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def _within(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask all of whose four neighbours are in it too."""
    padded = np.pad(mask, 1)
    return padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & mask
