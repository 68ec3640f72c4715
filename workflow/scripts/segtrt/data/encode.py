"""The tensors stage: a shard's items as patches that the network takes."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from segtrt.data.encoding import Encoding, encoding_of
from segtrt.data.formats.image import Image
from segtrt.data.labels import Labels
from segtrt.data.layout import Item
from segtrt.data.manifest import ItemEntry, Manifest, Subject, read_manifest
from segtrt.data.prepared import PreparedItem, source_of, write_prepared
from segtrt.data.stored import read_listed, stack
from segtrt.errors import SegtrtError
from segtrt.model.spec import NetworkSpec
from segtrt.progress import track

_THREADS = 1
"""One thread reads and normalises while the caller's writes; more cost more than they gain."""

_AHEAD = 8
"""Pictures in hand at once, so that memory stays small; of volumes, one."""

logger = logging.getLogger(__name__)

Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Unit:
    """What becomes one prepared item: an item of the manifest, or a subject's slices."""

    subject: Subject
    entries: tuple[ItemEntry, ...]
    """More than one are stacked, in this order."""
    stacked: bool

    @property
    def name(self) -> str:
        """The prepared item's name."""
        return self.subject.name if self.stacked else self.entries[0].name

    def items(self, root: Path) -> tuple[Item, ...]:
        """Its items, to be read and to write masks like."""
        return tuple(entry.item(self.subject.name, root) for entry in self.entries)


@dataclass(frozen=True)
class Loaded:
    """A unit as it lies in its files."""

    image: NDArray[Any]
    """(channels, *size), type as stored."""
    spacing: tuple[float, ...] | None
    """mm along each axis; None if it is not known."""
    truth: NDArray[np.uint8] | None
    """(*size) uint8, its label map; None without a mask."""


def units_of(manifest: Manifest, encoding: Encoding) -> list[Unit]:
    """What becomes a prepared item each, in order: subjects by name, their items as listed."""
    subjects = sorted(manifest.subjects, key=lambda subject: subject.name)
    if encoding.stacks:
        return [Unit(subject, subject.items, True) for subject in subjects]
    return [Unit(subject, (entry,), False) for subject in subjects for entry in subject.items]


def load_unit(root: Path, unit: Unit, labels: Labels | None) -> Loaded:
    """Read a unit's files and hold them against the manifest.

    Args:
        root: the folder that the manifest's paths are relative to.
        unit: what to read.
        labels: which values of masks stand for which class; None without masks.

    Raises:
        SegtrtError: a file is missing, damaged or not the one in the manifest.
    """
    name = unit.subject.name
    parts = [read_listed(root, name, entry, labels) for entry in unit.entries]
    if unit.stacked:
        image, truth = stack(parts)
        return Loaded(image, None, truth)
    (whole, truth), *_ = parts
    return Loaded(whole.array, _spacing(whole), truth)


def encode_shard(
    manifest: Path,
    root: Path,
    out: Path,
    *,
    tensors: Mapping[str, Any],
    spec: NetworkSpec,
    labels: Labels | None,
) -> None:
    """Read, prepare and write the items of one shard (`segtrt.data.prepared`).

    Subjects are sorted by name, a subject's items as the manifest has them.

    Args:
        manifest: the shard's manifest; it may have no subject.
        root: the folder that the manifest's paths are relative to.
        out: the file to make.
        tensors: the settings of that name, as JSON values.
        spec: what the network takes.
        labels: which values of masks stand for which class; None without masks.

    Raises:
        SegtrtError: a file is missing, damaged or not the one in the manifest, or settings, images
            and network do not go together.
    """
    listed = read_manifest(manifest)
    encoding = encoding_of(tensors, spec, listed.grids)
    units = units_of(listed, encoding)
    patch = (encoding.channels, *encoding.patch)
    with (
        ThreadPoolExecutor(_THREADS) as pool,
        write_prepared(out, encoding.preparation, labels, patch) as writer,
    ):
        encode = partial(_encode, root, encoding, labels)
        whole = encoding.stacks or any(len(grid.size) == 3 for grid in listed.grids)
        encoded = _map_ahead(pool, encode, units, 1 if whole else _AHEAD)
        for item, image, truth in track(encoded, "encoding images", len(units), "images"):
            writer.add(item, image, truth)
    logger.info("%s: %d images in %d subjects", out.name, len(units), len(listed.subjects))


def _encode(
    root: Path, encoding: Encoding, labels: Labels | None, unit: Unit
) -> tuple[PreparedItem, NDArray[np.float32], NDArray[np.uint8] | None]:
    loaded = load_unit(root, unit, labels)
    try:
        prepared = encoding.preparation.prepare(loaded.image, loaded.spacing)
        patches = encoding.cut(prepared.placement.grid)
    except SegtrtError as error:
        raise SegtrtError(f"{unit.subject.name}, {unit.name}: {error}") from None
    item = PreparedItem(
        subject=unit.subject.name,
        name=unit.name,
        split=unit.subject.split,
        source=source_of(unit.items(root)),
        placement=prepared.placement,
        patches=patches,
        spacing=loaded.spacing,
        has_truth=loaded.truth is not None,
    )
    return item, prepared.image, loaded.truth


def _spacing(image: Image) -> tuple[float, ...] | None:
    return None if image.geometry is None else image.geometry.spacing


def _map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Work], Result], work: Sequence[Work], ahead: int
) -> Iterator[Result]:
    """`map` in the pool's threads, in order, with at most `ahead` results in hand."""
    pending: deque[Future[Result]] = deque()
    for each in work:
        pending.append(pool.submit(function, each))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
