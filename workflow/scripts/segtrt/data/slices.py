"""A listed slice's two files: read once, held against the manifest, decoded."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrt.data.kaggle_images import decode_image, decode_mask, read_bytes
from segtrt.data.manifest import SliceEntry
from segtrt.errors import SegtrtError


def read_image(root: Path, entry: SliceEntry) -> NDArray[np.uint8]:
    """Read the image of one slice of the manifest: (256, 256, 3) uint8 in 0..255.

    Args:
        root: the folder that the manifest was made of.
        entry: the slice.

    Raises:
        SegtrtError: the file is missing or changed since it was listed.
    """
    return decode_image(_listed(root, entry.image, entry.image_sha256), root / entry.image)


def read_slice(root: Path, entry: SliceEntry) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read one slice of the manifest; each file is read once, checked and decoded from memory.

    Args:
        root: the folder that the manifest was made of.
        entry: the slice.

    Returns:
        The image, (256, 256, 3) uint8 in 0..255, and the mask, (256, 256) uint8, 0 or 255.

    Raises:
        SegtrtError: a file is missing or changed since it was listed.
    """
    mask = decode_mask(_listed(root, entry.mask, entry.mask_sha256), root / entry.mask)
    return read_image(root, entry), mask


def _listed(root: Path, name: str, sha256: str) -> bytes:
    """The content of a listed file, which must be what the manifest says."""
    content = read_bytes(root / name)
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise SegtrtError(
            f"{name} changed since it was listed (SHA-256 {digest[:12]}..., the manifest says "
            f"{sha256[:12]}...); run the workflow with --forcerun list_slices"
        )
    return content
