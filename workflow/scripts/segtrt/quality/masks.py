"""Predicted masks written beside no image, in the images' own format, grid and names."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.write import write_mask
from segtrt.data.labels import Labels
from segtrt.data.layout import Item
from segtrt.data.prepared import PreparedItem


def write_masks(
    label_map: NDArray[np.uint8], item: PreparedItem, root: Path, folder: Path, labels: Labels
) -> None:
    """Write an item's labels; a stack of 2-D images gets a file for each of them.

    Args:
        label_map: (*shape) uint8 on the item's own grid.
        item: the item.
        root: the data set's folder, whose files tell volumes' geometry.
        folder: the folder of predictions.
        labels: which values stand for which class.
    """
    slices = item.source.get("slices")
    if slices is None:
        write_mask(label_map, _item(root, item.source), folder, labels)
        return
    for plane, source in zip(label_map, slices, strict=True):
        write_mask(plane, _item(root, source), folder, labels)


def labels_to_write(labels: Labels | None, names: tuple[str, ...]) -> Labels:
    """The data set's labels; without masks, classes are 1, 2, ..."""
    return labels or Labels.of(dict(enumerate(names, 1)))


def _item(root: Path, source: dict[str, Any]) -> Item:
    return Item(
        root=root,
        subject=source["subject"],
        name=source["name"],
        images=tuple(source["images"]),
        mask=source["mask"],
        files=tuple(source["files"]),
        output=source["output"],
    )
