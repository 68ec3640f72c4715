"""NumPy's own files."""

from pathlib import Path

import numpy as np

from segtrt.data.formats.image import Image
from segtrt.errors import SegtrtError

MAX_CHANNELS = 4
"""A last axis of at most this length is read as channels."""


def read_npy(path: Path) -> Image:
    """Read an NPY file.

    Its axes are those of pictures: (rows, columns) or (slices, rows, columns), then channels, if
    any; a last axis of 1 to 4 after two or three others holds channels.

    Raises:
        SegtrtError: damaged, cut short, of objects, or with other axes.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # NumPy parses the header as Python, which fails in many ways
        reason = " ".join(str(error).split())
        raise SegtrtError(
            f"{path} is damaged, cut short or holds Python objects ({reason}), expected an array "
            "of numbers; save it again"
        ) from None
    if array.dtype.kind not in "buif":
        raise SegtrtError(f"{path} holds {array.dtype}, expected numbers; convert it")
    if array.ndim in (3, 4) and 1 <= array.shape[-1] <= MAX_CHANNELS:
        return Image(np.ascontiguousarray(np.moveaxis(array, -1, 0)))
    if array.ndim in (2, 3):
        return Image(np.ascontiguousarray(array)[np.newaxis])
    raise SegtrtError(
        f"{path} is of shape {array.shape}, expected (rows, columns) or (slices, rows, columns), "
        f"with up to {MAX_CHANNELS} channels last; transpose or split it"
    )
