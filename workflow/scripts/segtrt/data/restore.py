"""Predicted masks back on the grid of a subject's original images."""

import json

import numpy as np
from numpy.typing import NDArray

from segtrt.data.geometry import SIZE, VolumeGeometry, restore_masks
from segtrt.data.shards import Shard
from segtrt.errors import SegtrtError, name_some


def restore_predictions(
    shard: Shard, subject: str, masks: NDArray[np.uint8]
) -> list[tuple[int, NDArray[np.uint8]]]:
    """Put a subject's predicted masks back on the grid of its original images.

    Args:
        shard: the tensors that the masks were predicted from.
        subject: the subject's name.
        masks: (S', 256, 256) uint8, 0 or not, one for each of the subject's rows in order.

    Returns:
        Slice number and mask, (256, 256) uint8, 0 or 255, of every original slice in numeric
        order; what volume preprocessing left out is 0.

    Raises:
        SegtrtError: the shard does not have the subject, or its metadata cannot be read.
    """
    rows = shard.subjects().get(subject)
    if rows is None:
        raise SegtrtError(
            f"{shard.path} has no subject {subject}; it has {name_some(shard.subjects())}"
        )
    refs = shard.index[rows]
    if masks.shape != (len(refs), SIZE, SIZE):
        raise ValueError(f"masks {(len(refs), SIZE, SIZE)} expected, got {masks.shape}")
    white = np.where(masks != 0, np.uint8(255), np.uint8(0))
    try:
        if shard.metadata["normalisation"] == "slice":
            numbers = [ref.number for ref in refs]
        else:
            entry = json.loads(shard.metadata["geometry"])[subject]
            numbers = [int(number) for number in entry["numbers"]]
            white = restore_masks(white, VolumeGeometry.from_json(entry))
        return list(zip(numbers, white, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise SegtrtError(
            f"{shard.path} does not tell where the masks of {subject} lie ({error}); delete it and "
            "run the workflow again"
        ) from None
