"""Listing a data set: reading, checking and hashing every slice, and writing the manifest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from segtrt.data.kaggle_layout import count_images, find_root, list_subjects
from segtrt.data.kaggle_scan import scan_subjects
from segtrt.data.manifest import FORMAT, Manifest, SkippedSubject, SliceEntry, Subject
from segtrt.data.sharding import assign_shards, assign_splits
from segtrt.data.subjects import choose_subjects
from segtrt.errors import SegtrtError
from segtrt.files import write_json

_NAMED_AT_MOST = 10
"""How many bad subjects one message names."""


def make_manifest(
    root: Path,
    *,
    subjects: Sequence[str] | None,
    shards: int,
    calibration_fraction: float,
    seed: int,
    on_bad_subject: str,
) -> Manifest:
    """Read, check and hash the data set in `root`.

    Args:
        root: a folder in the Kaggle layout; paths in the manifest are relative to it.
        subjects: only these, or None for all.
        shards: how many shards (`assign_shards`).
        calibration_fraction: share of the subjects for calibration (`assign_splits`).
        seed: seed of the split.
        on_bad_subject: `fail` or `skip`.

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
    return Manifest(
        subjects=tuple(
            Subject(
                name,
                shard_of[name],
                split_of[name],
                tuple(
                    SliceEntry(
                        files.number,
                        files.image.relative_to(root).as_posix(),
                        files.mask.relative_to(root).as_posix(),
                        files.image_sha256,
                        files.mask_sha256,
                    )
                    for files in slices[name]
                ),
            )
            for name in sorted(slices)
        ),
        skipped=tuple(SkippedSubject(name, faults[name]) for name in sorted(faults)),
    )


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
        own = tuple(subject for subject in manifest.subjects if subject.shard == shard)
        _write(path, Manifest(own, ()))
    _write(manifest_path, manifest)


def _write(path: Path, manifest: Manifest) -> None:
    write_json(path, {"format": FORMAT, **asdict(manifest), "totals": asdict(manifest.totals)})


def _describe(faults: Mapping[str, str], root: Path) -> str:
    told = "; ".join(f"{name}: {faults[name]}" for name in sorted(faults)[:_NAMED_AT_MOST])
    plural = "s" if len(faults) > 1 else ""
    return f"{len(faults)} bad subject{plural} in {root}: {told}{_and_more(faults)}"


def _and_more(items: Collection[str]) -> str:
    more = len(items) - _NAMED_AT_MOST
    return f"; and {more} more" if more > 0 else ""
