"""Masks of one shard's slices, a bit a pixel."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from segtrt.arrays import Masks
from segtrt.data.shards import Shard, SliceRef, write_shard
from segtrt.errors import SegtrtError

FORMAT = "segtrt-masks-1"


@contextmanager
def write_masks(
    path: Path, index: Sequence[SliceRef], size: tuple[int, int]
) -> Iterator[Callable[[Masks], None]]:
    """Yield a function that appends masks to the file; it appears when the block succeeds.

    The file has `masks`, (N, height, ceil(width / 8)) uint8: each row's pixels as bits, the
    leftmost in the highest bit.

    Args:
        path: the file to make.
        index: the slices, in the order in which their masks are appended.
        size: height and width of a mask.
    """
    height, width = size
    tensors = {"masks": ("U8", (height, -(-width // 8)))}
    metadata = {"format": FORMAT, "width": str(width)}
    with write_shard(path, tensors, index, metadata) as writer:
        yield lambda masks: writer.append("masks", np.packbits(masks, axis=-1))


def read_masks(shard: Shard, rows: slice) -> Masks:
    """Some rows of a file that `write_masks` wrote, (n, height, width) bool.

    Raises:
        SegtrtError: the file is another one.
    """
    if shard.metadata.get("format") != FORMAT:
        raise SegtrtError(f"{shard.path} holds no masks; delete it and run the workflow again")
    packed = shard.rows("masks", rows.start, rows.stop)
    width = int(shard.metadata["width"])
    return np.unpackbits(packed, axis=-1, count=width).view(np.bool_)
