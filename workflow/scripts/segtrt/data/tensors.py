"""The tensors stage: a shard's slices as network input."""

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segtrt.data.geometry import SIZE, VolumeGeometry
from segtrt.data.manifest import SliceEntry, Subject, read_manifest
from segtrt.data.normalise import normalise_slice
from segtrt.data.shards import SliceRef, write_shard
from segtrt.data.slices import read_image, read_slice
from segtrt.data.volume import find_geometry, prepare_volume
from segtrt.errors import SegtrtError
from segtrt.progress import track

FORMAT = "segtrt-tensors-1"

NORMALISATIONS = ("slice", "volume")

_TENSORS = {"images": ("F32", (3, SIZE, SIZE)), "masks": ("U8", (SIZE, SIZE))}

_THREADS = 1
"""One thread reads and normalises while the caller's writes; more cost more than they gain."""

_AHEAD = 8
"""Slices in hand at once, so that memory stays small."""

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Stack = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def encode_shard(manifest: Path, root: Path, out: Path, normalisation: str) -> None:
    """Decode, normalise and write the slices of one shard.

    The file has `images`, (N, 3, 256, 256) float32, z-scored, and `masks`, (N, 256, 256) uint8, 0
    or 1. Subjects are sorted by name, a subject's slices by number. Its metadata has `format`,
    `normalisation` and, for `volume`, `geometry`: a JSON object that gives for each subject the
    `numbers` of its original slices and the fields of `VolumeGeometry`.

    Args:
        manifest: the shard's manifest; it may have no subject.
        root: the folder that the manifest's paths are relative to.
        out: the file to make.
        normalisation: `slice` (`normalise_slice`) or `volume` (`prepare_volume`).

    Raises:
        SegtrtError: a file is missing, damaged or not the one in the manifest, a subject has too
            few slices for `volume`, or `normalisation` is neither.
    """
    if normalisation not in NORMALISATIONS:
        raise SegtrtError(
            f"tensors.normalisation is {normalisation!r}; expected {' or '.join(NORMALISATIONS)}"
        )
    subjects = sorted(read_manifest(manifest).subjects, key=lambda subject: subject.name)
    encode = _encode_slices if normalisation == "slice" else _encode_volumes
    with ThreadPoolExecutor(_THREADS) as pool:
        encode(subjects, root, out, pool)
    logger.info("%s: %d subjects, normalised by %s", out.name, len(subjects), normalisation)


def _encode_slices(
    subjects: Sequence[Subject], root: Path, out: Path, pool: ThreadPoolExecutor
) -> None:
    entries = [entry for subject in subjects for entry in _ordered(subject)]
    index = [
        SliceRef(subject.name, entry.number, subject.split)
        for subject in subjects
        for entry in _ordered(subject)
    ]

    def encode(entry: SliceEntry) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        image, mask = read_slice(root, entry)
        return normalise_slice(image), (mask != 0).view(np.uint8)

    with write_shard(out, _TENSORS, index, _metadata("slice")) as writer:
        encoded = _map_ahead(pool, encode, entries)
        for image, mask in track(encoded, "encoding slices", len(entries)):
            writer.append("images", image[np.newaxis])
            writer.append("masks", mask[np.newaxis])


def _encode_volumes(
    subjects: Sequence[Subject], root: Path, out: Path, pool: ThreadPoolExecutor
) -> None:
    # The header, with the index, comes first in the file, and what is cropped decides the index:
    # so every subject's images are read twice, never those of two subjects at once.
    index: list[SliceRef] = []
    places: dict[str, VolumeGeometry] = {}
    for subject in track(subjects, "finding crop boxes", len(subjects), "subjects"):
        images = list(pool.map(partial(read_image, root), _ordered(subject)))
        try:
            geometry = find_geometry(np.stack(images))
        except SegtrtError as error:
            raise SegtrtError(f"subject {subject.name}: {error}") from None
        places[subject.name] = geometry
        kept = _ordered(subject)[slice(*geometry.slices)]
        index += [SliceRef(subject.name, entry.number, subject.split) for entry in kept]
    described = {
        subject.name: {
            "numbers": [entry.number for entry in _ordered(subject)],
            **places[subject.name].to_json(),
        }
        for subject in subjects
    }
    metadata = _metadata("volume", geometry=json.dumps(described))
    with write_shard(out, _TENSORS, index, metadata) as writer:
        for subject in track(subjects, "encoding volumes", len(subjects), "subjects"):
            prepared = prepare_volume(*_read_subject(pool, root, subject), places[subject.name])
            writer.append("images", prepared.images)
            writer.append("masks", prepared.masks)


def _metadata(normalisation: str, **further: str) -> dict[str, str]:
    return {"format": FORMAT, "normalisation": normalisation, **further}


def _ordered(subject: Subject) -> list[SliceEntry]:
    return sorted(subject.slices, key=lambda entry: entry.number)


def _read_subject(pool: ThreadPoolExecutor, root: Path, subject: Subject) -> Stack:
    """Images (S, 256, 256, 3) uint8 and masks (S, 256, 256) uint8, in numeric order."""
    slices = list(pool.map(partial(read_slice, root), _ordered(subject)))
    return np.stack([image for image, _ in slices]), np.stack([mask for _, mask in slices])


def _map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """`map` in the pool's threads, in order, never more than `_AHEAD` results ahead."""
    pending: deque[Future[Result]] = deque()
    for item in items:
        pending.append(pool.submit(function, item))
        if len(pending) >= _AHEAD:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
