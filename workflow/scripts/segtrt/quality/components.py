"""Connected components of masks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def largest_component(volume: NDArray[Any]) -> NDArray[np.bool_]:
    """Keep the largest connected component of a mask; an empty mask stays empty.

    Args:
        volume: (slices, height, width); any non-zero value is foreground. Voxels are connected
            through faces (6 neighbours); of several largest components the first in scan order is
            kept.

    The same result as `medpy.filter.binary.largest_connected_component`, which fails on an empty
    mask and goes over the volume once per component: minutes on the speckled masks of a broken
    engine. Here all components are counted in one pass.
    """
    from scipy import ndimage

    labels, count = ndimage.label(volume)
    if count == 0:
        return np.zeros(volume.shape, np.bool_)
    sizes = np.bincount(labels.ravel())
    kept: NDArray[np.bool_] = labels == 1 + int(np.argmax(sizes[1:]))
    return kept


def largest_of_each(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep the largest component of each class (`largest_component`).

    Args:
        labels: (*size) uint8, 0 is background.

    Returns:
        A new map of the same size.
    """
    from scipy import ndimage

    kept = np.zeros_like(labels)
    # Each class is looked for in its own box only, or a hundred classes would take a hundred
    # passes over a volume.
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is not None:
            kept[box][largest_component(labels[box] == label)] = label
    return kept
