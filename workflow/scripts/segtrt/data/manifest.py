"""The manifest: which subjects and slices there are, with their hashes, shards and splits."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.kaggle_layout import (
    count_images,
    decode_image,
    decode_mask,
    find_root,
    list_subjects,
    read_bytes,
    scan_subjects,
)
from segtrt.data.sharding import assign_shards, assign_splits
from segtrt.data.subjects import choose_subjects
from segtrt.errors import SegtrtError
from segtrt.files import read_json, write_json

FORMAT = "segtrt-manifest-1"

_NAMED_AT_MOST = 10
"""How many bad subjects one message names."""


@dataclass(frozen=True)
class SliceEntry:
    """One slice of the manifest."""

    number: int
    """As in the file's name."""
    image: str
    """File relative to the data set's folder, with forward slashes."""
    mask: str
    image_sha256: str
    mask_sha256: str


@dataclass(frozen=True)
class Subject:
    """One subject of the manifest; its slices are in numeric order."""

    name: str
    shard: int
    split: str
    """`calibration` or `evaluation`."""
    slices: tuple[SliceEntry, ...]


@dataclass(frozen=True)
class SkippedSubject:
    """A subject that was left out, and its first fault in one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """The data set, or one shard of it; subjects are sorted by name."""

    subjects: tuple[Subject, ...]
    skipped: tuple[SkippedSubject, ...]


def make_manifest(
    root: Path,
    *,
    subjects: Sequence[str] | None,
    shards: int,
    calibration_fraction: float,
    seed: int,
    on_bad_subject: str,
) -> dict[str, Any]:
    """Read, check and hash the data set in `root`.

    Args:
        root: a folder in the Kaggle layout; paths in the manifest are relative to it.
        subjects: only these, or None for all.
        shards: how many shards (`assign_shards`).
        calibration_fraction: share of the subjects for calibration (`assign_splits`).
        seed: seed of the split.
        on_bad_subject: `fail` or `skip`.

    Returns:
        The manifest as JSON: `format`, `subjects` (`name`, `shard`, `split`, `slices` of `number`,
        `image`, `mask`, `image_sha256`, `mask_sha256`), `skipped` (`name`, `reason`) and `totals`.

    Raises:
        SegtrtError: no data set there, an unknown subject, a bad one (`fail`), or none left.
    """
    tree = find_root(root)
    names = choose_subjects(list_subjects(tree), subjects, tree)
    slices, faults = scan_subjects(tree, names)
    if faults and on_bad_subject == "fail":
        raise SegtrtError(
            f"{_describe(faults, tree)}; mend them or set dataset.on_bad_subject to skip"
        )
    if not slices:
        raise SegtrtError(f"no subject of {tree} can be used: {_describe(faults, tree)}; mend them")
    # Bad subjects take part, so that skipping or mending one leaves the others where they are;
    # unless a split would have bad ones only.
    shard_of = assign_shards({name: count_images(tree / name) for name in names}, shards)
    split_of = assign_splits(names, calibration_fraction, seed)
    if {split_of[name] for name in slices} != set(split_of.values()):
        split_of = assign_splits(slices, calibration_fraction, seed)
    entries = [
        {
            "name": name,
            "shard": shard_of[name],
            "split": split_of[name],
            "slices": [
                {
                    "number": files.number,
                    "image": files.image.relative_to(root).as_posix(),
                    "mask": files.mask.relative_to(root).as_posix(),
                    "image_sha256": files.image_sha256,
                    "mask_sha256": files.mask_sha256,
                }
                for files in slices[name]
            ],
        }
        for name in sorted(slices)
    ]
    skipped = [{"name": name, "reason": faults[name]} for name in sorted(faults)]
    return _compose(entries, skipped)


def write_manifest(
    root: Path,
    *,
    manifest_path: Path,
    shard_paths: Sequence[Path],
    subjects: Sequence[str] | None,
    calibration_fraction: float,
    seed: int,
    on_bad_subject: str,
) -> None:
    """Make the manifest and write it, whole and by shard.

    Args:
        manifest_path: the whole manifest.
        shard_paths: one file a shard, in order; how many there are is the number of shards. Each
            has the manifest's format with the shard's own subjects, maybe none, and none skipped.
        root, subjects, calibration_fraction, seed, on_bad_subject: as in `make_manifest`.

    Raises:
        SegtrtError: as `make_manifest`.
    """
    manifest = make_manifest(
        root,
        subjects=subjects,
        shards=len(shard_paths),
        calibration_fraction=calibration_fraction,
        seed=seed,
        on_bad_subject=on_bad_subject,
    )
    for shard, path in enumerate(shard_paths):
        own = [subject for subject in manifest["subjects"] if subject["shard"] == shard]
        write_json(path, _compose(own, []))
    write_json(manifest_path, manifest)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, the whole one or a shard's.

    Raises:
        SegtrtError: missing, not JSON, or not a manifest of this format.
    """
    data = read_json(path, "manifest")
    try:
        if data["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        return Manifest(
            tuple(
                Subject(
                    subject["name"],
                    subject["shard"],
                    subject["split"],
                    tuple(SliceEntry(**entry) for entry in subject["slices"]),
                )
                for subject in data["subjects"]
            ),
            tuple(SkippedSubject(**entry) for entry in data["skipped"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SegtrtError(
            f"{path} is not a manifest this version can read ({error}); delete it and run the "
            "workflow again"
        ) from None


def check_slice(entry: SliceEntry, image: bytes, mask: bytes) -> None:
    """Refuse the content of a slice's two files if it is not what the manifest lists.

    Raises:
        SegtrtError: names the file that changed.
    """
    for name, content, expected in (
        (entry.image, image, entry.image_sha256),
        (entry.mask, mask, entry.mask_sha256),
    ):
        digest = hashlib.sha256(content).hexdigest()
        if digest != expected:
            raise SegtrtError(
                f"{name} changed since it was listed (SHA-256 {digest[:12]}..., the manifest says "
                f"{expected[:12]}...); run the workflow with --forcerun list_slices"
            )


def read_slice(root: Path, entry: SliceEntry) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read one slice of the manifest; each file is read once, checked and decoded from memory.

    Args:
        root: the folder that the manifest was made of.
        entry: the slice.

    Returns:
        The image, (256, 256, 3) uint8 in 0..255, and the mask, (256, 256) uint8, 0 or 255.

    Raises:
        SegtrtError: a file is missing or changed since it was listed.
    """
    image_path, mask_path = root / entry.image, root / entry.mask
    image, mask = read_bytes(image_path), read_bytes(mask_path)
    check_slice(entry, image, mask)
    return decode_image(image, image_path), decode_mask(mask, mask_path)


def _describe(faults: Mapping[str, str], root: Path) -> str:
    told = "; ".join(f"{name}: {faults[name]}" for name in sorted(faults)[:_NAMED_AT_MOST])
    plural = "s" if len(faults) > 1 else ""
    return f"{len(faults)} bad subject{plural} in {root}: {told}{_and_more(faults)}"


def _and_more(items: Collection[str]) -> str:
    more = len(items) - _NAMED_AT_MOST
    return f"; and {more} more" if more > 0 else ""


def _compose(subjects: list[dict[str, Any]], skipped: list[dict[str, Any]]) -> dict[str, Any]:
    calibration = [subject for subject in subjects if subject["split"] == "calibration"]
    return {
        "format": FORMAT,
        "subjects": subjects,
        "skipped": skipped,
        "totals": {
            "subjects": len(subjects),
            "slices": sum(len(subject["slices"]) for subject in subjects),
            "calibration_subjects": len(calibration),
            "calibration_slices": sum(len(subject["slices"]) for subject in calibration),
            "skipped": len(skipped),
        },
    }
