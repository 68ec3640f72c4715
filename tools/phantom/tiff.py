"""A small TIFF writer whose bytes depend on the pixels alone.

Format: TIFF revision 6.0 (Adobe, 1992), baseline tags; compression 8 (Deflate) and the horizontal
differencing predictor from Adobe's supplement of 2002. No date, software name or other text is
written. Pillow and tifffile (without imagecodecs) read both kinds.
"""

import struct
import zlib
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from segtrt.files import write_bytes

_SHORT, _LONG = 3, 4
_DEFLATE_LEVEL = 9


class Compression(StrEnum):
    """How pixels are stored; both are lossless."""

    NONE = "none"
    DEFLATE = "deflate"


def encode_tiff(image: NDArray[np.uint8], compression: Compression) -> bytes:
    """One image as a TIFF file of one strip.

    Args:
        image: (height, width) grey or (height, width, 3) RGB, uint8.
        compression: stored as they are, or deflated after horizontal differencing.

    Raises:
        ValueError: another shape or type.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise ValueError(f"uint8 (h, w) or (h, w, 3) expected, got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    samples = 3 if image.ndim == 3 else 1
    pixels = image
    if compression is Compression.DEFLATE:
        # uint8 differences wrap around, which is what the predictor asks for.
        pixels = np.concatenate([image[:, :1], image[:, 1:] - image[:, :-1]], axis=1)
    strip = np.ascontiguousarray(pixels).tobytes()
    if compression is Compression.DEFLATE:
        strip = zlib.compress(strip, _DEFLATE_LEVEL)

    header = 8
    depths = struct.pack("<3H", 8, 8, 8) if samples == 3 else b""
    strip_at = header + len(depths) + len(depths) % 4
    directory_at = strip_at + len(strip) + len(strip) % 2
    tags: list[tuple[int, int, int, int]] = [
        (256, _LONG, 1, width),
        (257, _LONG, 1, height),
        (258, _SHORT, samples, header if samples == 3 else 8),
        (259, _SHORT, 1, 8 if compression is Compression.DEFLATE else 1),
        (262, _SHORT, 1, 2 if samples == 3 else 1),  # RGB, or black is zero
        (273, _LONG, 1, strip_at),
        (277, _SHORT, 1, samples),
        (278, _LONG, 1, height),  # rows per strip
        (279, _LONG, 1, len(strip)),
        (284, _SHORT, 1, 1),  # samples of a pixel lie together
    ]
    if compression is Compression.DEFLATE:
        tags.append((317, _SHORT, 1, 2))  # horizontal differencing
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHLL", *tag) for tag in tags)
    directory += struct.pack("<L", 0)
    start = struct.pack("<2sHL", b"II", 42, directory_at) + depths
    return start.ljust(strip_at, b"\0") + strip.ljust(directory_at - strip_at, b"\0") + directory


def write_tiff(path: Path, image: NDArray[np.uint8], compression: Compression) -> None:
    """Write `image` as `encode_tiff` stores it, whole or not at all."""
    write_bytes(path, encode_tiff(image, compression))
