"""A listed item's files: held against the manifest, then read."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.image import Image
from segtrt.data.formats.read import read_image, read_item
from segtrt.data.labels import Labels
from segtrt.data.manifest import ItemEntry
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file


def read_listed(
    root: Path, subject: str, entry: ItemEntry, labels: Labels | None
) -> tuple[Image, NDArray[np.uint8] | None]:
    """Read an item of the manifest.

    Args:
        root: the folder that the manifest was made of.
        subject: whose it is.
        entry: the item.
        labels: which values of masks stand for which class; None without masks.

    Returns:
        The image (`segtrt.data.formats.read.read_image`), and its label map, (*size) uint8; None
        without a mask.

    Raises:
        SegtrtError: a file is missing or changed since it was listed.
    """
    for file in entry.files:
        try:
            digest = sha256_file(root / file.path)
        except OSError as error:
            raise SegtrtError(
                f"{root / file.path} cannot be read ({error.strerror}); put the file back or "
                "remove its subject"
            ) from None
        if digest != file.sha256:
            raise SegtrtError(
                f"{file.path} changed since it was listed (SHA-256 {digest[:12]}..., the manifest "
                f"says {file.sha256[:12]}...); run the workflow with --forcerun list_slices"
            )
    item = entry.item(subject, root)
    if labels is None:
        return read_image(item), None
    return read_item(item, labels)


def stack(
    parts: list[tuple[Image, NDArray[np.uint8] | None]],
) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """A subject's slices as one volume.

    Args:
        parts: images (channels, H, W) of one size and their label maps, in order.

    Returns:
        (channels, slices, H, W), and the label map (slices, H, W); None without masks.
    """
    masks = [mask for _, mask in parts if mask is not None]
    volume = np.stack([image.array for image, _ in parts], axis=1)
    return volume, np.stack(masks) if masks else None
