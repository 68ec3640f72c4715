"""Slices for training: read from tensor shards batch by batch, split by subject."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segtrt.data.shards import Shard
from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    from torch import Tensor

Row = tuple[int, int]
"""Number of a shard, and a row in it."""


def split_subjects(
    subjects: Sequence[str], validation_fraction: float, seed: int
) -> tuple[list[str], list[str]]:
    """Split subjects into those trained on and those validated on, each sorted by name.

    Subjects are ranked by a hash of seed and name and the first ones validate: at least one, and
    at least one is left to train on.

    Raises:
        SegtrtError: there are fewer than two subjects.
    """
    if len(subjects) < 2:
        raise SegtrtError(
            f"training needs at least two subjects, one of them to validate on, and found "
            f"{len(subjects)}; add subjects to the data set"
        )
    ranked = sorted(subjects, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    count = min(max(round(validation_fraction * len(ranked)), 1), len(ranked) - 1)
    return sorted(ranked[count:]), sorted(ranked[:count])


class TrainingSlices:
    """The slices of some tensor shards; only those asked for are in memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the shards.

        Raises:
            SegtrtError: a file is not a tensor shard, or two shards have a subject in common.
        """
        self._shards = [Shard(path) for path in paths]
        for shard in self._shards:
            try:
                shard.rows("images", 0, 0), shard.rows("masks", 0, 0)
            except KeyError as error:
                raise SegtrtError(
                    f"{shard.path} has no tensor {error}; give tensor shards, with images and masks"
                ) from None
        counts = Counter(name for shard in self._shards for name in shard.subjects())
        twice = sorted(name for name, count in counts.items() if count > 1)
        if twice:
            raise SegtrtError(
                f"subject {twice[0]} is in {counts[twice[0]]} of the shards; give each shard once"
            )

    @property
    def subjects(self) -> list[str]:
        """Names of all subjects, sorted."""
        return sorted(name for shard in self._shards for name in shard.subjects())

    def rows(self, subjects: Sequence[str]) -> list[Row]:
        """Rows of the slices of `subjects`, in the order of the shards."""
        wanted = set(subjects)
        return [
            (number, row)
            for number, shard in enumerate(self._shards)
            for row, ref in enumerate(shard.index)
            if ref.subject in wanted
        ]

    def batches(self, rows: Sequence[Row], batch_size: int) -> "Iterator[tuple[Tensor, Tensor]]":
        """Read slices batch by batch, the next batch while the last one is in use.

        Yields:
            Images (n, 3, 256, 256) float32, z-scored, and masks (n, 1, 256, 256) float32, 0 or 1;
            n is `batch_size` or, in the last batch, fewer.
        """
        chunks = [rows[begin : begin + batch_size] for begin in range(0, len(rows), batch_size)]
        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = [pool.submit(self._read, chunk) for chunk in chunks[:1]]
            for following in [*chunks[1:], None]:
                batch = waiting.pop().result()
                if following is not None:
                    waiting.append(pool.submit(self._read, following))
                yield batch

    def _read(self, rows: Sequence[Row]) -> "tuple[Tensor, Tensor]":
        import torch

        images, masks = (
            np.concatenate([self._shards[number].rows(name, row, row + 1) for number, row in rows])
            for name in ("images", "masks")
        )
        return torch.from_numpy(images), torch.from_numpy(masks).unsqueeze(1).float()
