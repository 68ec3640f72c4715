"""Listing a data set: reading, checking and hashing every item, and writing the manifest."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from segtrt.data.form import Form
from segtrt.data.layout import Ignored, Listing
from segtrt.data.listing import list_items
from segtrt.data.manifest import (
    FORMAT,
    Grid,
    ItemEntry,
    Manifest,
    SkippedSubject,
    Subject,
    Twins,
)
from segtrt.data.roots import find_root
from segtrt.data.scan import Demands, below, same_images, scan_items
from segtrt.data.sharding import assign_shards, assign_splits
from segtrt.errors import SegtrtError, name_some
from segtrt.files import write_json

_NAMED_AT_MOST = 10
"""How many bad subjects one message names."""

_FAULTS_AT_MOST = 5
"""How many faults of one subject are named."""

logger = logging.getLogger(__name__)


def make_manifest(
    root: Path,
    form: Form,
    demands: Demands,
    *,
    subjects: Sequence[str] | None,
    shards: int,
    calibration_fraction: float,
    seed: int,
    on_bad_subject: str,
    search_fraction: float = 0.0,
) -> Manifest:
    """Read, check and hash the data set in `root`.

    Args:
        root: the data set's folder, or one above it; paths in the manifest are relative to it.
        form: where its files are, and its labels.
        demands: what the settings ask of its items.
        subjects: only these, or None for all.
        shards: how many shards (`assign_shards`).
        calibration_fraction: share of the subjects for calibration (`assign_splits`).
        seed: seed of the split.
        on_bad_subject: `fail` or `skip`.
        search_fraction: share of the subjects for the search for precisions.

    Raises:
        SegtrtError: no data set there, an unknown subject, a bad one (`fail`), or none left.
    """
    tree = find_root(root, form.layout)
    listing = list_items(tree, form.layout, subjects)
    found, faults = scan_items(listing.items, form.labels, demands)
    for problem in listing.problems:
        faults.setdefault(problem.subject, []).append(problem.reason)
    sound = {name: entries for name, entries in found.items() if name not in faults}
    _log(listing)
    if faults and on_bad_subject == "fail":
        raise SegtrtError(
            f"{_describe(faults, tree)}; correct them or set dataset.on_bad_subject to skip"
        )
    if not sound:
        raise SegtrtError(f"no subject of {tree} can be used: {_describe(faults, tree)}")
    for name in sorted(faults):
        logger.warning("skipped: %s: %s", name, _joined(faults[name]))
    # Bad subjects take part, so that skipping or correcting one leaves the others where they are;
    # unless a split would have bad ones only.
    shard_of = assign_shards(listing.counts, shards)
    split_of = assign_splits(listing.counts, calibration_fraction, seed, search_fraction)
    if {split_of[name] for name in sound} != set(split_of.values()):
        split_of = assign_splits(sound, calibration_fraction, seed, search_fraction)
    folder = "" if tree == root else tree.relative_to(root).as_posix()
    listed = tuple(
        Subject(
            name,
            shard_of[name],
            split_of[name],
            tuple(below(entry, folder) for entry in sound[name]),
        )
        for name in sorted(sound)
    )
    return Manifest(
        subjects=listed,
        skipped=tuple(SkippedSubject(name, _joined(faults[name])) for name in sorted(faults)),
        ignored=listing.ignored,
        channels=listing.channels,
        grids=_grids(sound),
        twins=_twins(listed),
    )


def write_manifest(
    root: Path,
    form: Form,
    demands: Demands,
    *,
    manifest_path: Path,
    shard_paths: Sequence[Path],
    subjects: Sequence[str] | None,
    calibration_fraction: float,
    seed: int,
    on_bad_subject: str,
    search_fraction: float = 0.0,
) -> None:
    """Make the manifest and write it, whole and by shard.

    Args:
        manifest_path: the whole manifest.
        shard_paths: one file a shard, in order; how many there are is the number of shards. Each
            has the manifest's format with the shard's own subjects, maybe none, and none skipped.
        root, form, demands, subjects, calibration_fraction, seed, on_bad_subject, search_fraction:
            as in `make_manifest`.

    Raises:
        SegtrtError: as `make_manifest`.
    """
    manifest = make_manifest(
        root,
        form,
        demands,
        subjects=subjects,
        shards=len(shard_paths),
        calibration_fraction=calibration_fraction,
        seed=seed,
        on_bad_subject=on_bad_subject,
        search_fraction=search_fraction,
    )
    none = Ignored(0, (), 0)
    for shard, path in enumerate(shard_paths):
        own = tuple(subject for subject in manifest.subjects if subject.shard == shard)
        _write(path, Manifest(own, (), none, manifest.channels, manifest.grids, ()))
    _write(manifest_path, manifest)


def _write(path: Path, manifest: Manifest) -> None:
    write_json(path, {"format": FORMAT, **asdict(manifest), "totals": asdict(manifest.totals)})


def _grids(found: Mapping[str, Sequence[ItemEntry]]) -> tuple[Grid, ...]:
    grids = {entry.grid for entries in found.values() for entry in entries}
    return tuple(sorted(grids, key=lambda grid: (grid.size, grid.spacing or (), grid.channels)))


def _twins(subjects: Sequence[Subject]) -> tuple[Twins, ...]:
    split_of = {subject.name: subject.split for subject in subjects}
    twins = tuple(
        Twins((one, other), (split_of[one], split_of[other]), count)
        for one, other, count in same_images({each.name: each.items for each in subjects})
    )
    for pair in twins:
        one, other = pair.subjects
        place = "two splits" if len(set(pair.splits)) > 1 else f"the {pair.splits[0]} split"
        logger.warning(
            "%s and %s have %d images in common, byte for byte, in %s: the same subject under two "
            "names?",
            one,
            other,
            pair.images,
            place,
        )
    return twins


def _log(listing: Listing) -> None:
    ignored = listing.ignored
    if ignored.files:
        logger.info(
            "%d file(s) that no pattern matches: %s",
            ignored.files,
            name_some(ignored.examples, len(ignored.examples)),
        )
    if ignored.left_behind:
        logger.info("%d hidden or left behind by systems", ignored.left_behind)


def _describe(faults: Mapping[str, Sequence[str]], root: Path) -> str:
    names = sorted(faults)
    listed = "; ".join(f"{name}: {_joined(faults[name])}" for name in names[:_NAMED_AT_MOST])
    more = len(names) - _NAMED_AT_MOST
    return (
        f"{len(faults)} bad subject{'s' * (len(faults) > 1)} in {root}: {listed}"
        f"{f'; and {more} more' if more > 0 else ''}"
    )


def _joined(reasons: Sequence[str]) -> str:
    more = len(reasons) - _FAULTS_AT_MOST
    listed = "; ".join(reasons[:_FAULTS_AT_MOST])
    return f"{listed}; and {more} more faults" if more > 0 else listed
