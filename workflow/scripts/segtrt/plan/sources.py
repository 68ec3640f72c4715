"""What the plan depends on from outside: images and weights, by content."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.config.settings import Dataset, Model
from segtrt.data.fetched_folder import STAMP
from segtrt.data.kaggle_layout import HANDLE, find_root, list_subjects
from segtrt.data.sharding import assign_shards, assign_splits
from segtrt.data.subjects import choose_subjects
from segtrt.errors import SegtrtError
from segtrt.files import sha256_json
from segtrt.plan.hash_cache import HashCache

DEMO_FOLDER = Path("data/demo/kaggle_3m")
KAGGLE_FOLDER = Path("data/kaggle_3m")
FETCHED_FILES = ("results/dataset/source.json", f"{KAGGLE_FOLDER}/{STAMP}")
"""What the job that fills `KAGGLE_FOLDER` declares."""
TRAINED = "results/training/weights.safetensors"
"""Weights that the workflow itself trains."""


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


def locate(path: str | Path, checkout: Path) -> Path:
    """Where a relative path of the configuration lies: here, or else in the checkout.

    A path that begins with `~` lies in a home folder.

    Returns:
        The path as given if it exists from the working directory or nowhere, else relative to the
        working directory.
    """
    given = Path(path).expanduser()
    if str(given) == TRAINED or given.exists() or not (checkout / given).exists():
        return given
    return Path(os.path.relpath(checkout / given))


def find_dataset(settings: Dataset, checkout: Path) -> Path:
    """Folder of the subjects, as the jobs are given it.

    Args:
        settings: `dataset` in the configuration.
        checkout: where relative paths lead that do not exist in the working directory.

    Raises:
        SegtrtError: there is no such folder; a data set that a job fetches need not be here.
    """
    if settings.source == "kaggle":
        return KAGGLE_FOLDER
    return find_root(locate(settings.path or DEMO_FOLDER, checkout))


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
    digests = _subject_digests(find_dataset(settings, checkout), settings.subjects, cache)
    split_of = assign_splits(list(digests), settings.calibration_fraction, settings.seed)
    whole = {
        "subjects": {
            name: {"digest": entry["digest"], "split": split_of[name]}
            for name, entry in digests.items()
        },
        "shards": assign_shards(
            {name: entry["slices"] for name, entry in digests.items()}, settings.shards
        ),
        "on_bad_subject": settings.on_bad_subject,
    }
    return listed_dataset(settings, whole)


def listed_dataset(settings: Dataset, whole: dict[str, Any]) -> DatasetDigest:
    """What follows from what decides the manifest, without a look at any image.

    Args:
        settings: `dataset` in the configuration.
        whole: `DatasetDigest.whole`, which the job that made the manifest has in its key record.
    """
    if settings.source == "kaggle":
        origin = {"dataset": whole["dataset"], "zip": whole["zip"]}
        known = {key: value for key, value in whole.items() if key != "shards"}
        shards = tuple({**whole, "shard": shard} for shard in range(settings.shards))
        return DatasetDigest(origin, whole, shards, known)
    content = whole["subjects"]
    by_shard: list[dict[str, Any]] = [{} for _ in range(settings.shards)]
    for name, shard in whole["shards"].items():
        by_shard[shard][name] = content[name]
    calibration = {n: e["digest"] for n, e in content.items() if e["split"] == "calibration"}
    if settings.on_bad_subject == "skip":
        # Where a split would hold bad subjects alone, splits depend on every subject's content.
        for entries in (*by_shard, calibration):
            entries["all subjects"] = sha256_json(content)
    return DatasetDigest({}, whole, tuple(by_shard), calibration)


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
        "seed": settings.seed,
        "shards": settings.shards,
    }


def _subject_digests(
    root: Path, wanted: Sequence[str] | None, cache: HashCache
) -> dict[str, dict[str, Any]]:
    """Per subject the number of slices by name and a digest of its TIFFs' names and content."""
    files = {
        name: sorted(
            file
            for file in _names_in(root / name)
            if file.lower().endswith((".tif", ".tiff")) and not file.startswith(".")
        )
        for name in choose_subjects(list_subjects(root), wanted, root)
    }
    hashes = cache.digests(root, (f"{name}/{file}" for name, own in files.items() for file in own))
    return {
        name: {
            "slices": sum(not file.rpartition(".")[0].endswith("_mask") for file in own),
            "digest": sha256_json([[file, hashes[f"{name}/{file}"]] for file in own]),
        }
        for name, own in files.items()
    }


def _names_in(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def digest_weights(settings: Model, checkout: Path, cache: HashCache) -> dict[str, Any]:
    """What decides the weights: a local file's content, or a URL with the hash asked for.

    Of weights that the workflow trains itself, the training decides.

    Args:
        checkout: where relative paths lead that do not exist in the working directory.
        cache: hashes remembered from earlier runs.

    Raises:
        SegtrtError: the local file does not exist.
    """
    source = settings.weights
    sha256 = settings.sha256.lower() if settings.sha256 else None
    known = {"init_features": settings.init_features, "sha256": sha256}
    if is_url(source):
        return {**known, "url": source}
    if is_trained_here(source):
        return known
    path = locate(source, checkout)
    if not path.is_file():
        raise SegtrtError(
            f"model.weights is {source!r}, but there is no such file; expected a .safetensors or "
            ".pt file, or a URL"
        )
    return {**known, "content": cache.digest(path)}


def is_trained_here(source: str) -> bool:
    """Whether weights are those that the workflow itself trains."""
    return str(Path(source)) == TRAINED


def is_url(source: str) -> bool:
    """Whether weights are named by a URL rather than a local path."""
    return source.startswith(("http://", "https://"))
