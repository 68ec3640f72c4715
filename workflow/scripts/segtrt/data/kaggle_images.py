"""The Kaggle data set's image files: reading and decoding one, refusing what is not of its kind."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZE = 256
"""Height and width of every image and mask, in pixels."""


def read_bytes(path: Path) -> bytes:
    """The content of an image file.

    Raises:
        SegtrtError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SegtrtError(
            f"{path} cannot be read ({error.strerror}); put the file back or leave its subject out"
        ) from None


def decode_image(content: bytes, path: Path) -> "NDArray[np.uint8]":
    """Decode a slice's image: (256, 256, 3) uint8, values 0 to 255.

    Args:
        content: the file's bytes.
        path: its name, for the message.

    Raises:
        SegtrtError: not a TIFF, damaged, of another size or type.
    """
    return _decode(content, path, "RGB", (8, 8, 8), "three channels of 8 bits (RGB)")


def decode_mask(content: bytes, path: Path) -> "NDArray[np.uint8]":
    """Decode a slice's mask: (256, 256) uint8, values 0 and 255 only.

    Args:
        content: the file's bytes.
        path: its name, for the message.

    Raises:
        SegtrtError: not a TIFF, damaged, of another size or type, or with other values.
    """
    mask = _decode(content, path, "L", (8,), "one channel of 8 bits (grey)")
    other = mask[(mask != 0) & (mask != 255)]
    if other.size:
        raise SegtrtError(
            f"{path} has the value {other[0]} in {other.size} pixels, expected a mask of 0 and 255 "
            "only; threshold it"
        )
    return mask


def _decode(
    content: bytes, path: Path, mode: str, bits: tuple[int, ...], expected: str
) -> "NDArray[np.uint8]":
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["TIFF"]) as image:
            if image.size != (SIZE, SIZE):
                width, height = image.size
                raise SegtrtError(
                    f"{path} is {width}x{height} pixels, expected {SIZE}x{SIZE}; resize it"
                )
            tags = image.tag_v2  # type: ignore[attr-defined]
            if tags.next:  # where the next image's tags begin; `n_frames` would read them all again
                raise SegtrtError(f"{path} holds several images, expected one; split it")
            # Pillow narrows 16-bit channels to its 8-bit modes without a word.
            depth = tuple(tags.get(258, (1,)))
            if image.mode != mode or depth != bits:
                raise SegtrtError(
                    f"{path} is of type {image.mode} with {'/'.join(map(str, depth))} bits, "
                    f"expected {expected}; convert it"
                )
            return np.array(image)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, Image.DecompressionBombError):
        raise SegtrtError(
            f"{path} is damaged or not a TIFF file ({len(content)} bytes), expected a "
            f"{SIZE}x{SIZE} TIFF image; fetch it again"
        ) from None
