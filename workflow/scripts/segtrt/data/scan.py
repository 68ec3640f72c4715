"""Checking a data set's items: every one read, decoded and hashed."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from segtrt.data.layout import Item, printable
from segtrt.data.manifest import FileEntry, Grid, ItemEntry
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.machine.cpu import available_cores
from segtrt.progress import track

if TYPE_CHECKING:
    from segtrt.data.formats.image import Image
    from segtrt.data.labels import Labels

_THREADS = 4
"""Items in memory at once, at most."""

_OWNERS = 20
"""An image that more subjects have says nothing of who they are."""

_STACK = 3
"""`volume` leaves out the first and last slice, so fewer leave nothing."""


@dataclass(frozen=True)
class Demands:
    """What the settings ask of items beside being sound."""

    stacked: bool = False
    """Whether slices are normalised as a volume, so that a subject's have one size."""
    axis: int = 0
    """The axis of volumes along which slices lie."""
    spaced: bool = False
    """Whether images must say how large their pixels are."""


def scan_items(
    items: Sequence[Item], labels: "Labels | None", demands: Demands
) -> tuple[dict[str, list[ItemEntry]], dict[str, list[str]]]:
    """Read, check and hash items, a few at a time.

    Args:
        items: by subject.
        labels: the values that masks may have; None without masks.
        demands: what they must have beside.

    Returns:
        The items of each subject without a fault, and each bad subject's faults, a line each, with
        files named relative to the data set's folder.
    """
    found: dict[str, list[ItemEntry]] = {}
    faults: dict[str, list[str]] = {}

    def scan(item: Item) -> ItemEntry | str:
        try:
            return _scan(item, labels, demands)
        except SegtrtError as error:
            return str(error).replace(f"{item.root}{os.sep}", "")
        except OSError as error:
            return f"{item.images[0]} cannot be read ({error.strerror}); put the file back"

    with ThreadPoolExecutor(min(_THREADS, available_cores())) as pool:
        results = track(pool.map(scan, items), "checking images", len(items), "images")
        for item, result in zip(items, results, strict=True):
            if isinstance(result, str):
                faults.setdefault(printable(item.subject), []).append(result)
            else:
                found.setdefault(printable(item.subject), []).append(result)
    for subject, lines in _unlike(found).items():
        faults.setdefault(subject, []).extend(lines)
    for subject, entries in found.items():
        if demands.stacked and (fault := _unstackable(entries, demands.axis)):
            faults.setdefault(subject, []).append(fault)
    return {name: found[name] for name in found if name not in faults}, faults


def same_images(
    subjects: Mapping[str, Iterable[ItemEntry]],
) -> list[tuple[str, str, int]]:
    """Pairs of subjects that seem to be one, and how many image files they have in common.

    That is so where at least half of the images of the one with fewer are the other's, byte for
    byte; a black slice in common proves nothing.
    """
    images = {
        name: {file.sha256 for entry in entries for file in entry.files if file.path != entry.mask}
        for name, entries in subjects.items()
    }
    owners: dict[str, list[str]] = {}
    for name in sorted(images):
        for digest in images[name]:
            owners.setdefault(digest, []).append(name)
    shared = Counter(
        (one, other)
        for names in owners.values()
        if len(names) <= _OWNERS
        for place, one in enumerate(names)
        for other in names[place + 1 :]
    )
    return [
        (one, other, count)
        for (one, other), count in sorted(shared.items())
        if 2 * count >= min(len(images[one]), len(images[other]))
    ]


def _scan(item: Item, labels: "Labels | None", demands: Demands) -> ItemEntry:
    from segtrt.data.formats.read import read_image, read_item

    # Hashed first: a file that changes while it is read is then noticed when it is encoded.
    files = tuple(FileEntry(path, sha256_file(item.root / path)) for path in item.files)
    image = read_image(item) if labels is None else read_item(item, labels)[0]
    _check(item, image, demands)
    geometry = image.geometry
    grid = Grid(len(image.array), image.size, None if geometry is None else geometry.spacing)
    return ItemEntry(item.name, item.images, item.mask, files, item.output, grid)


def _check(item: Item, image: "Image", demands: Demands) -> None:
    """Refuse what no preparation takes."""
    import numpy as np

    name, array = item.images[0], image.array
    if not array.size or array.dtype.kind not in "buif":
        raise SegtrtError(
            f"{name} has values of type {array.dtype} and size {image.size}, expected real numbers "
            "and at least one pixel; convert it"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        wrong = array.size - int(np.count_nonzero(np.isfinite(array)))
        raise SegtrtError(
            f"{name} has {wrong} values that are not finite numbers; replace them, with 0 for "
            "instance"
        )
    if demands.spaced and image.geometry is None:
        raise SegtrtError(
            f"{name} does not say how large its pixels are, but tensors.spacing is set; use a "
            "format that does, such as NIfTI, or set tensors.spacing to null"
        )


def _unlike(found: Mapping[str, Collection[ItemEntry]]) -> dict[str, list[str]]:
    """Images with other channels or axes than most, by subject."""
    kinds = Counter(
        (entry.grid.channels, len(entry.grid.size))
        for entries in found.values()
        for entry in entries
    )
    if len(kinds) < 2:
        return {}
    (usual, _), *_ = kinds.most_common()
    return {
        subject: lines
        for subject, entries in found.items()
        if (
            lines := [
                f"{printable(entry.images[0])} has {_kind(*kind)}, expected {_kind(*usual)} as "
                "most images have; convert it"
                for entry in entries
                if (kind := (entry.grid.channels, len(entry.grid.size))) != usual
            ]
        )
    }


def _kind(channels: int, axes: int) -> str:
    return f"{channels} channel{'s' * (channels != 1)} and {axes} axes"


def _unstackable(entries: Sequence[ItemEntry], axis: int) -> str | None:
    """Why a subject's slices cannot be normalised as volumes, if they cannot."""
    sizes = {entry.grid.size for entry in entries}
    if all(len(size) == 2 for size in sizes):
        if len(sizes) > 1:
            named = " and ".join(" x ".join(map(str, size)) for size in sorted(sizes)[:2])
            return (
                f"its slices have several sizes ({named}), but tensors.normalisation volume stacks "
                "them; give them one size or choose slice"
            )
        depth = len(entries)
    else:
        depth = min(size[axis] for size in sizes if len(size) == 3)
    if depth >= _STACK:
        return None
    return (
        f"it has {depth} slice{'s' * (depth != 1)}, but tensors.normalisation volume needs at "
        f"least {_STACK}, as it leaves out the first and last; remove the subject or choose slice"
    )


def below(entry: ItemEntry, folder: str) -> ItemEntry:
    """An item whose paths are relative to a folder above the one it was listed in.

    Args:
        entry: the item.
        folder: from the folder above to that one; empty if they are the same.
    """
    if not folder:
        return entry
    return replace(
        entry,
        images=tuple(f"{folder}/{path}" for path in entry.images),
        mask=None if entry.mask is None else f"{folder}/{entry.mask}",
        files=tuple(replace(file, path=f"{folder}/{file.path}") for file in entry.files),
    )
