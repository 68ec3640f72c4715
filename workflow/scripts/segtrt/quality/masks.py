"""Predicted masks as files, in the images' own format, grid and names."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.write import write_mask
from segtrt.data.labels import Labels
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
    maps = list(label_map) if item.stacked else [label_map]
    for one, like in zip(maps, item.files(root), strict=True):
        write_mask(one, like, folder, labels)
