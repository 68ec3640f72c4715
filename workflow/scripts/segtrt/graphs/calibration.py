"""Calibration patches: which ones, and their images one at a time."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import numpy as np

from segtrt.arrays import Images
from segtrt.data.prepared import CALIBRATION, Prepared
from segtrt.errors import SegtrtError
from segtrt.precision import Precision

T = TypeVar("T")

logger = logging.getLogger(__name__)


def choose_slices(shards: Sequence[Path], count: int) -> list[tuple[int, int]]:
    """Choose patches spread evenly over the calibration subjects and through their items.

    Subjects go by name and items as in their shard, so the choice does not depend on how the
    subjects fall into shards. A subject with too few patches leaves its share to the others.

    Args:
        shards: shards of prepared images.
        count: how many patches; all there are, if there are fewer.

    Returns:
        (index into `shards`, row) of each patch, by subject and row.

    Raises:
        SegtrtError: there is no calibration subject, or a shard cannot be read.
    """
    patches: dict[str, list[tuple[int, int]]] = {}
    for number, path in enumerate(shards):
        with Prepared(path) as shard:
            for item in shard.items:
                if item.split == CALIBRATION:
                    patches.setdefault(item.subject, []).extend((number, r) for r in item.rows)
    if not patches:
        raise SegtrtError(
            f"none of the subjects in {len(shards)} shards is set aside for calibration; "
            "raise dataset.calibration_fraction, add subjects, or leave "
            f"{' and '.join(one for one in Precision if one.is_quantised)} out of "
            "engines.precisions"
        )
    available = sum(map(len, patches.values()))
    if available < count:
        logger.warning(
            "engines.calibration.slices asks for %d patches, the calibration subjects have %d; "
            "all are used",
            count,
            available,
        )
    shares = _shares({subject: len(patches[subject]) for subject in sorted(patches)}, count)
    return [
        place
        for subject, share in shares.items()
        for place in _evenly(sorted(patches[subject]), share)
    ]


def _shares(available: dict[str, int], count: int) -> dict[str, int]:
    """How many patches each subject gives, at most as many as it has."""
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
    """The chosen patches; each pass over it reads them again, one at a time."""

    def __init__(self, shards: Sequence[Path], patches: Sequence[tuple[int, int]]) -> None:
        """Take `patches`, (index into `shards`, row) each, from shards of prepared images."""
        self._shards = list(shards)
        self._patches = list(patches)

    def __len__(self) -> int:
        return len(self._patches)

    def __iter__(self) -> Iterator[Images]:
        """Yield (1, channels, *size) float32, normalised.

        Raises:
            SegtrtError: a patch is not finite; names its item.
        """
        with ExitStack() as opened:
            shards: dict[int, Prepared] = {}
            for number, row in self._patches:
                if number not in shards:
                    shards[number] = opened.enter_context(Prepared(self._shards[number]))
                shard = shards[number]
                image = shard.images(row, row + 1)
                if not np.isfinite(image).all():
                    item = next(item for item in shard.items if row in item.rows)
                    raise SegtrtError(
                        f"{shard.path}, {item.title}: the image has values that are infinite or "
                        "not numbers; delete the file and run the workflow again"
                    )
                yield image


def calibration_digest(images: Iterable[Images]) -> str:
    """SHA-256 over the images' values (little-endian float32) in order, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(np.ascontiguousarray(image, "<f4").tobytes())
    return digest.hexdigest()
