"""What the plan knows of the images: where they are, and what decides what is made of them.

Names, sizes and hashes of files are all that is looked at, and of nnU-Net's data sets
`dataset.json`; no image is opened.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segtrt.config.settings import Dataset
from segtrt.data.fetched_folder import STAMP
from segtrt.data.form import Form, form_of
from segtrt.data.kaggle import HANDLE
from segtrt.data.layout import Item, Listing, printable
from segtrt.data.listing import list_items
from segtrt.data.roots import find_root
from segtrt.data.sharding import assign_shards, assign_splits
from segtrt.errors import SegtrtError
from segtrt.files import sha256_json
from segtrt.plan.hash_cache import HashCache
from segtrt.plan.sources import locate

DEMO_FOLDER = Path("data/demo/kaggle_3m")
KAGGLE_FOLDER = Path("data/kaggle_3m")
FETCHED_FILES = ("results/dataset/source.json", f"{KAGGLE_FOLDER}/{STAMP}")
"""What the job that fills `KAGGLE_FOLDER` declares."""

_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class DatasetDigest:
    """What is known of the data set before any job runs."""

    origin: dict[str, Any]
    """Where a data set that a job fetches comes from; empty for one that is here."""
    whole: dict[str, Any]
    """Decides the manifest."""
    shards: tuple[dict[str, Any], ...]
    """Decides each shard's tensors."""
    calibration: dict[str, Any]
    """Decides the calibration images."""
    listing: Listing | None = field(default=None, compare=False, repr=False)
    """The images' names, where they were looked at for this."""

    def shard(self, number: int) -> dict[str, Any]:
        """What decides the tensors of one shard.

        Raises:
            SegtrtError: there is no such shard.
        """
        if number >= len(self.shards):
            raise SegtrtError(
                f"shard {number:02d}: dataset.shards is {len(self.shards)}, so the last one is "
                f"{len(self.shards) - 1:02d}"
            )
        return self.shards[number]

    @property
    def images(self) -> dict[str, Any]:
        """Decides what reading and preparing images takes: all of them, whatever their split."""
        form = {"labels": self.whole["form"]["labels"]}
        if self.origin:
            return {**self.origin, "subjects": self.whole["subjects"], "form": form}
        return {**_digests(self.whole), "form": form}

    @property
    def sizing(self) -> dict[str, Any]:
        """Decides the images' size where they have one, so that any of them tells it.

        That is one subject, if there is one of those that calibrate, so that other images touch no
        engine. Which subjects are bad is not known, so where they are skipped all decide.
        """
        if self.origin:
            return self.origin
        digests = _digests(self.whole)
        if self.whole["on_bad_subject"] == "skip":
            return {"all subjects": sha256_json(digests)}
        name = min(self.calibration or digests)
        return {name: digests[name]}

    @property
    def subjects(self) -> tuple[str, ...] | None:
        """Names of all subjects, sorted; None for a data set that a job fetches."""
        return None if self.origin else tuple(self.whole["subjects"])

    @property
    def note(self) -> str | None:
        """What is wrong with the data set as its names show it, in one line; None if nothing is."""
        problems = [
            f"{name}: {reason}"
            for name, reasons in self.whole.get("problems", {}).items()
            for reason in reasons
        ]
        if not problems:
            return None
        listed = "; ".join(problems[:_NAMED_AT_MOST])
        more = len(problems) - _NAMED_AT_MOST
        bad = len(self.whole["problems"])
        fate = "skipped" if self.whole["on_bad_subject"] == "skip" else "refused by list_slices"
        return (
            f"{bad} bad subject{'s' * (bad > 1)} will be {fate}: {listed}"
            f"{f'; and {more} more' if more > 0 else ''}"
        )


def find_dataset(settings: Dataset, checkout: Path) -> Path:
    """The folder that the data set's paths are relative to, as the jobs are given it.

    Args:
        settings: `dataset` in the configuration.
        checkout: where relative paths lead that do not exist in the working directory.

    Raises:
        SegtrtError: there is no such folder; a data set that a job fetches need not be here.
    """
    if settings.source == "kaggle":
        return KAGGLE_FOLDER
    folder = locate(settings.path or DEMO_FOLDER, checkout)
    if settings.source == "nnunet":
        return folder
    return find_root(folder, dataset_form(settings, folder).layout)


def dataset_form(settings: Dataset, root: Path) -> Form:
    """The data set's form.

    Args:
        settings: `dataset` in the configuration.
        root: its folder.

    Raises:
        SegtrtError: patterns or labels that cannot work, or nnU-Net's `dataset.json` is missing.
    """
    return form_of(
        root,
        nnunet=settings.source == "nnunet",
        images=settings.images,
        masks=settings.masks,
        channels=settings.channels,
        labels=settings.labels,
        ignored=settings.ignored,
    )


def digest_dataset(settings: Dataset, checkout: Path, cache: HashCache) -> DatasetDigest:
    """Digest the data set that `dataset` in the configuration names.

    A data set that is still to be downloaded is known by its name, one in a zip by the zip's hash;
    both are unpacked once and never change afterwards. A folder is known by its files' content.

    Args:
        settings: `dataset` in the configuration.
        checkout: where relative paths lead that do not exist in the working directory.
        cache: hashes remembered from earlier runs.

    Raises:
        SegtrtError: the folder or zip does not exist, or holds no subjects or not those asked for.
    """
    if settings.source == "kaggle":
        return listed_dataset(settings, _fetched(settings, checkout, cache))
    root = find_dataset(settings, checkout)
    form = dataset_form(settings, root)
    listing = list_items(root, form.layout, settings.subjects)
    split_of = assign_splits(
        listing.counts,
        settings.calibration_fraction,
        settings.seed,
        settings.search_fraction,
    )
    content = _content(root, listing, cache)
    ignored = listing.ignored
    whole = {
        "subjects": {
            name: {"digest": digest, "split": split_of[name]} for name, digest in content.items()
        },
        "shards": assign_shards(listing.counts, settings.shards),
        "on_bad_subject": settings.on_bad_subject,
        "problems": _problems(listing),
        "ignored": [ignored.files, list(ignored.examples), ignored.left_behind],
        "form": form.to_json(),
    }
    return replace(listed_dataset(settings, whole), listing=listing)


def listed_dataset(settings: Dataset, whole: dict[str, Any]) -> DatasetDigest:
    """What follows from what decides the manifest, without a look at any image.

    Args:
        settings: `dataset` in the configuration.
        whole: `DatasetDigest.whole`, which the job that made the manifest has in its key record.
    """
    form = {"labels": whole["form"]["labels"]}
    if settings.source == "kaggle":
        origin = {"dataset": whole["dataset"], "zip": whole["zip"]}
        known = {key: value for key, value in whole.items() if key != "shards"}
        shards = tuple({**whole, "shard": shard} for shard in range(settings.shards))
        return DatasetDigest(origin, whole, shards, known)
    content = whole["subjects"]
    by_shard: list[dict[str, Any]] = [{} for _ in range(settings.shards)]
    for name, shard in whole["shards"].items():
        by_shard[shard][name] = content[name]
    calibration = {
        n: digest for n, digest in _digests(whole).items() if content[n]["split"] == "calibration"
    }
    # Where a split would hold bad subjects alone, splits depend on every subject's content; a shard
    # without any subject takes its patches' size from those of the others.
    skips = settings.on_bad_subject == "skip"
    for entries in [*by_shard, calibration] if skips else [one for one in by_shard if not one]:
        entries["all subjects"] = sha256_json(content)
    return DatasetDigest(
        {}, whole, tuple({**entries, "form": form} for entries in by_shard), calibration
    )


def _digests(whole: dict[str, Any]) -> dict[str, str]:
    """Digest of each subject of a data set that is here."""
    return {name: entry["digest"] for name, entry in whole["subjects"].items()}


def _fetched(settings: Dataset, checkout: Path, cache: HashCache) -> dict[str, Any]:
    """What decides the manifest of a data set that a job fetches."""
    archive = locate(settings.path, checkout) if settings.path else None
    if archive is not None and not archive.is_file():
        raise SegtrtError(
            f"dataset.path is {settings.path!r}, but there is no such file; for source "
            "kaggle it names the downloaded zip, null downloads it"
        )
    return {
        "dataset": HANDLE,
        "zip": cache.digest(archive) if archive else None,
        "subjects": sorted(settings.subjects) if settings.subjects else None,
        "on_bad_subject": settings.on_bad_subject,
        "calibration_fraction": settings.calibration_fraction,
        "search_fraction": settings.search_fraction,
        "seed": settings.seed,
        "shards": settings.shards,
        "form": dataset_form(settings, KAGGLE_FOLDER).to_json(),
    }


def _content(root: Path, listing: Listing, cache: HashCache) -> dict[str, str]:
    """A digest of each subject's items, by the names and the content of their files."""
    hashes = _hashes(root, listing.items, cache)
    described: dict[str, list[Any]] = {name: [] for name in listing.counts}
    for item in listing.items:
        described[printable(item.subject)].append(
            [item.name, item.images, item.mask, item.output, [hashes[f] for f in item.files]]
        )
    for name, reasons in _problems(listing).items():
        described.setdefault(name, []).append(reasons)
    return {name: sha256_json(described[name]) for name in listing.counts}


def _problems(listing: Listing) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in listing.problems:
        found.setdefault(problem.subject, []).append(problem.reason)
    return found


def _hashes(root: Path, items: Iterable[Item], cache: HashCache) -> dict[str, str]:
    """SHA-256 of each file, or why it cannot be read, which listing it will tell."""
    names = [name for item in items for name in item.files]
    try:
        return cache.digests(root, names)
    except OSError:
        return {name: _hash_or_reason(root, name, cache) for name in names}


def _hash_or_reason(root: Path, name: str, cache: HashCache) -> str:
    try:
        return cache.digests(root, [name])[name]
    except OSError as error:
        return f"unreadable: {error.strerror}"
