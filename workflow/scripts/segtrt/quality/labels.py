"""Label maps as they are stored: one bit a pixel where there is one class, otherwise one byte."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def packed_bytes(size: Sequence[int], classes: int) -> int:
    """Bytes of one packed map of `size` pixels."""
    pixels = math.prod(size)
    return -(-pixels // 8) if classes == 1 else pixels


def pack(labels: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """Pack label maps.

    Args:
        labels: (patches, *size) uint8, 0 to `classes`.
        classes: the highest label, 1 to 255.

    Returns:
        (patches, packed_bytes(size, classes)) uint8; pixels in row-major order, of bits the highest
        of a byte first, the last byte filled up with 0.

    Raises:
        ValueError: a label is above `classes`.
    """
    highest = int(labels.max(initial=0))
    if highest > classes:
        raise ValueError(f"labels up to {classes} expected, got {highest}")
    flat = labels.reshape(len(labels), math.prod(labels.shape[1:]))
    return np.packbits(flat, axis=1) if classes == 1 else flat.copy()


def unpack(packed: NDArray[np.uint8], size: Sequence[int], classes: int) -> NDArray[np.uint8]:
    """What `pack` was given.

    Args:
        packed: (patches, packed_bytes(size, classes)) uint8.
        size: of one map.
        classes: the highest label.

    Returns:
        (patches, *size) uint8.

    Raises:
        ValueError: `packed` has another shape.
    """
    expected = packed_bytes(size, classes)
    if packed.ndim != 2 or packed.shape[1] != expected:
        raise ValueError(f"(patches, {expected}) expected, got {packed.shape}")
    if classes == 1:
        packed = np.unpackbits(packed, axis=1, count=math.prod(size))
    return packed.reshape(len(packed), *size)
