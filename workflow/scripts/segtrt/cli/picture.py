"""Outputs as grey-scale pictures."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.arrays import Outputs
from segtrt.files import write_bytes
from segtrt.quality.decode import Decoder

Plane = NDArray[np.floating[Any]]
"""(height, width), 0 black to 1 white."""


def picture_of(output: Outputs, decoder: Decoder) -> Plane:
    """An output as one plane: the probability of a single class, else labels as shades of grey.

    Of a volume it is the plane with most foreground, or the middle one.

    Args:
        output: (classes, *size) float32; values that are no number are black.
        decoder: how outputs become labels.
    """
    known = np.nan_to_num(output, nan=0.0)
    if len(output) == 1 and decoder.activation == "sigmoid":
        shades: Plane = output[0]
        labels = known[0] > np.float32(decoder.limit)
    else:
        labels = decoder.labels(known, "the output")
        shades = labels / np.float32(decoder.classes(len(output)))
    if shades.ndim == 3:
        filled = np.count_nonzero(labels, axis=(1, 2))
        shades = shades[int(filled.argmax()) if filled.any() else len(shades) // 2]
    return shades


def grey_levels(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Outputs as grey levels, 0 black to 1 white.

    Args:
        probabilities: any shape; values outside 0..1 are clipped, what is no number is black.

    Returns:
        uint8 of the same shape, 255 times the probability, rounded to the nearest.
    """
    known = np.nan_to_num(probabilities, nan=0.0, posinf=1.0, neginf=0.0)
    levels: NDArray[np.uint8] = np.rint(np.clip(known, 0, 1) * 255).astype(np.uint8)
    return levels


def write_pgm(path: Path, probabilities: NDArray[np.floating[Any]]) -> None:
    """Write (height, width) probabilities as a binary PGM with 255 grey levels above black.

    Source of the format: https://netpbm.sourceforge.net/doc/pgm.html.
    """
    height, width = probabilities.shape
    header = f"P5\n{width} {height}\n255\n".encode("ascii")
    write_bytes(path, header + grey_levels(probabilities).tobytes())


def write_png(path: Path, probabilities: NDArray[np.floating[Any]]) -> None:
    """Write (height, width) probabilities as a PNG with 8 bits of grey."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(grey_levels(probabilities)).save(content, "PNG", optimize=True)
    write_bytes(path, content.getvalue())
