"""Calibration slices: which ones, and their images one at a time."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from segtrt.arrays import Images
from segtrt.data.shards import Shard
from segtrt.errors import SegtrtError
from segtrt.precision import Precision

SPLIT = "calibration"

T = TypeVar("T")

logger = logging.getLogger(__name__)


def choose_slices(shards: Sequence[Path], count: int) -> list[tuple[int, int]]:
    """Choose slices spread evenly over the calibration subjects and through their volumes.

    Subjects go by name and slices by number, so the choice does not depend on how the subjects
    fall into shards. A subject with too few slices leaves its share to the others.

    Args:
        shards: tensor shards.
        count: how many slices; all there are, if there are fewer.

    Returns:
        (index into `shards`, row) of each slice, by subject and slice number.

    Raises:
        SegtrtError: there is no calibration subject, or a shard cannot be read.
    """
    slices: dict[str, list[tuple[int, int, int]]] = {}
    for number, path in enumerate(shards):
        with Shard(path) as shard:
            for row, ref in enumerate(shard.index):
                if ref.split == SPLIT:
                    slices.setdefault(ref.subject, []).append((ref.number, number, row))
    if not slices:
        raise SegtrtError(
            f"none of the subjects in {len(shards)} shards is set aside for calibration; "
            "raise dataset.calibration_fraction, add subjects, or leave "
            f"{' and '.join(one for one in Precision if one.is_quantised)} out of "
            "engines.precisions"
        )
    available = sum(map(len, slices.values()))
    if available < count:
        logger.warning(
            "engines.calibration.slices asks for %d slices, the calibration subjects have %d; "
            "all are used",
            count,
            available,
        )
    shares = _shares({subject: len(slices[subject]) for subject in sorted(slices)}, count)
    return [
        (number, row)
        for subject, share in shares.items()
        for _, number, row in _evenly(sorted(slices[subject]), share)
    ]


def _shares(available: dict[str, int], count: int) -> dict[str, int]:
    """How many slices each subject gives, at most as many as it has."""
    shares = dict.fromkeys(available, 0)
    left = min(count, sum(available.values()))
    while left:
        unfilled = [subject for subject in available if shares[subject] < available[subject]]
        for subject in _evenly(unfilled, min(left, len(unfilled))):
            shares[subject] += 1
            left -= 1
    return shares


def _evenly(items: Sequence[T], count: int) -> list[T]:
    """`count` of the items at even distances, as far from both ends as from each other."""
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


class CalibrationImages:
    """The images of chosen slices; each pass over it reads them again, one at a time."""

    def __init__(self, shards: Sequence[Path], slices: Sequence[tuple[int, int]]) -> None:
        """Take `slices`, (index into `shards`, row) each, from tensor shards."""
        self._shards = list(shards)
        self._slices = list(slices)

    def __len__(self) -> int:
        return len(self._slices)

    def __iter__(self) -> Iterator[Images]:
        """Yield (1, 3, 256, 256) float32, z-scored.

        Raises:
            SegtrtError: an image is not finite; names the slice.
        """
        opened: dict[int, Shard] = {}
        for number, row in self._slices:
            if number not in opened:
                opened[number] = Shard(self._shards[number])
            image = opened[number].rows("images", row, row + 1)
            if not np.isfinite(image).all():
                shard = opened[number]
                ref = shard.index[row]
                raise SegtrtError(
                    f"{shard.path}, slice {ref.number} of {ref.subject}: the image has values that "
                    "are infinite or not numbers; delete the file and run the workflow again"
                )
            yield image


def calibration_digest(images: Iterable[Images]) -> str:
    """SHA-256 over the images' values (little-endian float32) in order, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(np.ascontiguousarray(image, "<f4").tobytes())
    return digest.hexdigest()
