"""Patches for training: read from shards batch by batch, split by subject."""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segtrt.data.prepared import Prepared
from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    from torch import Tensor

_KEPT = 16
"""How many items' labels stay in memory."""

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


class TrainingPatches:
    """The patches of some shards, with their labels; only those asked for are in memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the shards.

        Raises:
            SegtrtError: a file is not a shard of prepared images, an image has no mask, or two
                shards have a subject in common.
        """
        self._shards = [Prepared(path) for path in paths]
        # Patches come in any order, and a volume's labels serve many of them.
        self._on_grid = lru_cache(_KEPT)(self._placed)
        items = [(shard, item) for shard in self._shards for item in shard.items]
        for shard, item in items:
            if not item.has_truth:
                raise SegtrtError(
                    f"{shard.path}: {item.title} has no mask, and training needs one for each "
                    "image; set dataset.masks"
                )
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

    @property
    def classes(self) -> int:
        """How many classes the masks tell apart, background not counted."""
        return max((len(s.labels.values) for s in self._shards if s.labels), default=0)

    def rows(self, subjects: Sequence[str]) -> list[Row]:
        """Rows of the patches of `subjects`, in the order of the shards."""
        wanted = set(subjects)
        return [
            (number, row)
            for number, shard in enumerate(self._shards)
            for item in shard.items
            if item.subject in wanted
            for row in item.rows
        ]

    def batches(self, rows: Sequence[Row], batch_size: int) -> "Iterator[tuple[Tensor, Tensor]]":
        """Read patches batch by batch, the next batch while the last one is in use.

        Yields:
            Images (n, channels, *size) float32, normalised, and labels (n, 1, *size) float32: 0
            background, 1 to C the classes, 255 ignored; n is `batch_size` or, in the last batch,
            fewer.
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

        images = np.concatenate([self._shards[n].images(row, row + 1) for n, row in rows])
        labels = np.stack([self._labels(number, row) for number, row in rows])
        return torch.from_numpy(images), torch.from_numpy(labels)

    def _labels(self, number: int, row: int) -> NDArray[np.float32]:
        """Labels of one patch, (1, *size) float32."""
        items = self._shards[number].items
        place = bisect_right(items, row, key=lambda item: item.first) - 1
        item = items[place]
        return item.patches.patch(self._on_grid(number, place), row - item.first)

    def _placed(self, number: int, place: int) -> NDArray[np.float32]:
        """Labels of an item, (1, *grid) float32."""
        truth = self._shards[number].truth(place)
        placed = self._shards[number].items[place].placement.place_labels(truth)
        return placed[np.newaxis].astype(np.float32)
