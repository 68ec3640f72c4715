"""Slices to time a batch on."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np

from segtrt.arrays import Images
from segtrt.data.shards import Shard
from segtrt.errors import SegtrtError


def first_slices(tensor_shards: Sequence[Path], count: int) -> Images:
    """The first `count` slices of the shards, over and over if there are fewer.

    Returns:
        (count, 3, 256, 256) float32.

    Raises:
        SegtrtError: the shards have no slice at all.
    """
    parts: list[Images] = []
    missing = count
    for path in tensor_shards:
        if missing == 0:
            break
        with Shard(path) as shard:
            rows = shard.rows("images", 0, missing)
        if len(rows):
            parts.append(rows)
            missing -= len(rows)
    if not parts:
        raise SegtrtError(
            "there is no slice to time an engine on: all tensor shards are empty; check "
            "dataset.subjects"
        )
    slices = np.concatenate(parts)
    return np.tile(slices, (ceil(count / len(slices)), 1, 1, 1))[:count]
