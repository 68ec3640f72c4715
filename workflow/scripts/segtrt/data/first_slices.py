"""Patches to time a batch on."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np

from segtrt.arrays import Images
from segtrt.data.prepared import Prepared
from segtrt.errors import SegtrtError


def first_slices(shards: Sequence[Path], count: int) -> Images:
    """The first `count` patches of the shards, over and over if there are fewer.

    Returns:
        (count, channels, *size) float32.

    Raises:
        SegtrtError: the shards have no patch at all.
    """
    parts: list[Images] = []
    missing = count
    for path in shards:
        if missing == 0:
            break
        with Prepared(path) as shard:
            rows = shard.images(0, missing)
        if len(rows):
            parts.append(rows)
            missing -= len(rows)
    if not parts:
        raise SegtrtError(
            "there is no image to time an engine on: all tensor shards are empty; check "
            "dataset.subjects"
        )
    patches = np.concatenate(parts)
    repeats = ceil(count / len(patches))
    return np.concatenate([patches] * repeats)[:count]
