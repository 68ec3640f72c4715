"""PNG and JPEG."""

import io
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.image import Image, upright
from segtrt.errors import SegtrtError

ORIENTATION_TAG = 274
_PLAIN = ("1", "L", "LA", "RGB", "RGBA", "I;16", "P")
"""Pillow's modes that hold a file's own values."""


_PNG_END = b"IEND\xaeB`\x82"
_GREY_AND_ALPHA = 4
"""The colour type in a PNG's header (PNG specification, 11.2.2)."""


def pillow() -> ModuleType:
    """Pillow's module of images, with its bound on their size off: large scans are no attack."""
    import PIL.Image

    PIL.Image.MAX_IMAGE_PIXELS = None
    return PIL.Image


def read_picture(path: Path, *, indices: bool = False) -> Image:
    """Read a PNG or JPEG file, turned as its EXIF orientation says.

    Args:
        path: the file.
        indices: give a palette's indices, as masks have them, instead of its colours.

    Raises:
        SegtrtError: it is damaged or cut short, holds several images, or has samples of a kind that
            cannot be read as they are.
    """
    content = path.read_bytes()
    wide = _check_png(path, content)
    # Broken files end in nearly any error of Pillow's; all of them mean that it is damaged.
    try:
        with pillow().open(io.BytesIO(content), formats=["PNG", "JPEG"]) as picture:
            if picture.format == "PNG" and getattr(picture, "n_frames", 1) > 1:
                raise SegtrtError(f"{path} holds several images (APNG), expected one; split it")
            orientation = int(picture.getexif().get(ORIENTATION_TAG, 1))
            if picture.mode not in _PLAIN:
                raise SegtrtError(
                    f"{path} has pixels of type {picture.mode}, expected grey, RGB or a palette; "
                    "convert it"
                )
            colours = picture.mode == "P" and not indices
            array = np.array(picture.convert("RGB") if colours else picture)
    except (SegtrtError, MemoryError):
        raise
    except Exception as error:
        raise SegtrtError(
            f"{path} is damaged or cut short ({error}); put the file back from its source"
        ) from None
    if wide:
        from segtrt.data.formats.volumes import read_pixels

        array = read_pixels(path, "PNGImageIO")
    if array.dtype == np.bool_:
        array = (array != 0).astype(np.uint8)  # Pillow's true is 255
    if not 1 <= orientation <= 8:
        orientation = 1
    return Image(upright(channels_first(array), orientation), orientation=orientation)


def channels_first(array: NDArray[Any]) -> NDArray[Any]:
    """(rows, columns) or (rows, columns, channels) as (channels, rows, columns)."""
    if array.ndim == 2:
        return array[np.newaxis]
    return np.ascontiguousarray(np.moveaxis(array, -1, 0))


def _check_png(path: Path, content: bytes) -> bool:
    """Whether it is a PNG of 16 bits and several channels, which Pillow narrows to 8 bits.

    Raises:
        SegtrtError: it lacks its end, or it is one that SimpleITK does not read either.
    """
    if not content.startswith(b"\x89PNG"):
        return False
    if _PNG_END not in content:
        raise SegtrtError(
            f"{path} is damaged or cut short (its last chunk is missing); put the file back from "
            "its source"
        )
    depth, kind = content[24], content[25]
    if depth == 16 and kind == _GREY_AND_ALPHA:
        raise SegtrtError(
            f"{path} has 16 bits of grey and transparency, which cannot be read here; save it "
            "without transparency"
        )
    return depth == 16 and kind != 0
