"""Digests of images and weights: what changes them, and what does not."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from segtrt.config.resolve import resolve_config
from segtrt.config.settings import Dataset
from segtrt.errors import SegtrtError
from segtrt.plan.hash_cache import HashCache
from segtrt.plan.sources import (
    DatasetDigest,
    digest_dataset,
    digest_weights,
    find_dataset,
    is_url,
    listed_dataset,
    locate,
)


@pytest.fixture
def cache(tmp_path: Path) -> HashCache:
    return HashCache(tmp_path / "hashes.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five subjects of two slices; a digest looks at names and bytes alone."""
    root = tmp_path / "images"
    for name in ("anna", "berta", "carla", "doris", "emma"):
        for number in (1, 2):
            for kind in ("", "_mask"):
                path = root / name / f"{name}_{number}{kind}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(f"{name} {number} {kind}".encode())
    return root


def settings(folder: Path | None, **changes: Any) -> Dataset:
    given = {"source": "path", "path": str(folder)} if folder else {"source": "demo"}
    # Nothing is quantised, so that no subject is needed for calibration.
    precisions = {"precisions": ["fp32"]}
    return resolve_config({"dataset": {**given, **changes}, "engines": precisions}).dataset


def changed_shards(one: DatasetDigest, other: DatasetDigest) -> set[int]:
    return {
        i
        for i, pair in enumerate(zip(one.shards, other.shards, strict=True))
        if len({*map(str, pair)}) > 1
    }


def test_a_path_is_looked_up_here_and_then_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout, here = tmp_path / "checkout", tmp_path / "here"
    for place in (checkout, here):
        place.mkdir()
    monkeypatch.chdir(here)
    (checkout / "weights.pt").touch()
    assert locate("weights.pt", checkout).samefile(checkout / "weights.pt")
    assert not locate("weights.pt", checkout).is_absolute()
    (here / "weights.pt").touch()
    assert locate("weights.pt", checkout) == Path("weights.pt")
    assert locate("nowhere.pt", checkout) == Path("nowhere.pt")
    assert locate(checkout / "weights.pt", here) == checkout / "weights.pt"


def test_the_demo_is_found_from_anywhere(
    project_root: Path, tmp_path: Path, cache: HashCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    digest = digest_dataset(settings(None), project_root, cache)
    assert sorted(digest.whole["subjects"]) == [f"DEMO_000{i}" for i in range(1, 6)]
    root = find_dataset(settings(None), project_root)
    assert root.samefile(project_root / "data/demo/kaggle_3m")


def test_place_and_time_of_the_files_mean_nothing(
    folder: Path, tmp_path: Path, cache: HashCache
) -> None:
    before = digest_dataset(settings(folder), tmp_path, cache)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    for file in moved.rglob("*.tif"):
        os.utime(file, (0, 0))
    (moved / "anna/notes.txt").write_text("not an image")
    (moved / "anna/._anna_1.tif").write_text("left by a file manager")
    after = digest_dataset(settings(moved), tmp_path, cache)
    assert (after.whole, after.shards, after.calibration) == (
        before.whole,
        before.shards,
        before.calibration,
    )


@pytest.mark.parametrize("change", ["content", "name", "gone", "new"])
def test_a_changed_file_changes_its_own_shard_alone(
    folder: Path, tmp_path: Path, cache: HashCache, change: str
) -> None:
    given = settings(folder, shards=2, calibration_fraction=0.4)
    before = digest_dataset(given, tmp_path, cache)
    subject = next(
        n for n, entry in before.whole["subjects"].items() if entry["split"] == "evaluation"
    )
    image, mask = (folder / subject / f"{subject}_1{kind}.tif" for kind in ("", "_mask"))
    if change == "content":
        image.write_bytes(b"another")
    elif change == "name":
        image.rename(image.with_name(f"{subject}_3.tif"))
    elif change == "gone":
        mask.unlink()
    else:
        mask.with_name(f"{subject}_9_mask.tif").touch()
    after = digest_dataset(given, tmp_path, cache)
    assert after.whole != before.whole
    assert changed_shards(before, after) == {before.whole["shards"][subject]}
    assert after.calibration == before.calibration


def test_a_changed_calibration_image_changes_the_calibration(
    folder: Path, tmp_path: Path, cache: HashCache
) -> None:
    before = digest_dataset(settings(folder), tmp_path, cache)
    (subject,) = before.calibration
    (folder / subject / f"{subject}_2.tif").write_bytes(b"another")
    after = digest_dataset(settings(folder), tmp_path, cache)
    assert after.calibration != before.calibration


def test_a_new_subject_leaves_the_others_where_they_are(
    folder: Path, tmp_path: Path, cache: HashCache
) -> None:
    before = digest_dataset(settings(folder, shards=2), tmp_path, cache)
    shutil.copytree(folder / "anna", folder / "frida")
    after = digest_dataset(settings(folder, shards=2), tmp_path, cache)
    stayed = [
        name
        for name, shard in before.whole["shards"].items()
        if after.whole["shards"][name] == shard
    ]
    assert len(stayed) >= 4


def test_only_the_subjects_asked_for_count(folder: Path, tmp_path: Path, cache: HashCache) -> None:
    given = settings(folder, subjects=["anna", "berta"])
    before = digest_dataset(given, tmp_path, cache)
    assert set(before.whole["subjects"]) == {"anna", "berta"}
    (folder / "emma/emma_1.tif").write_bytes(b"another")
    assert digest_dataset(given, tmp_path, cache) == before


def test_subjects_that_are_not_there_are_named(
    folder: Path, tmp_path: Path, cache: HashCache
) -> None:
    given = settings(folder, subjects=["anna", "bertha"])
    with pytest.raises(SegtrtError, match=r"does not have: bertha \(close: berta\)"):
        digest_dataset(given, tmp_path, cache)


def test_splits_are_those_of_the_settings(folder: Path, tmp_path: Path, cache: HashCache) -> None:
    whole = digest_dataset(settings(folder, calibration_fraction=0.4), tmp_path, cache)
    assert len(whole.calibration) == 2
    none = digest_dataset(settings(folder, calibration_fraction=0), tmp_path, cache)
    assert none.calibration == {}


def test_a_download_is_known_by_its_name_and_a_zip_by_its_content(
    tmp_path: Path, cache: HashCache
) -> None:
    kaggle = resolve_config({"dataset": {"source": "kaggle", "shards": 3}}).dataset
    named = digest_dataset(kaggle, tmp_path, cache)
    assert find_dataset(kaggle, tmp_path) == Path("data/kaggle_3m")
    assert len({str(shard) for shard in named.shards}) == 3
    archive = tmp_path / "archive.zip"
    archive.write_bytes(b"one")
    zipped = replace(kaggle, path=str(archive))
    first = digest_dataset(zipped, tmp_path, cache)
    assert first.whole != named.whole
    moved = archive.rename(tmp_path / "moved.zip")
    assert digest_dataset(replace(kaggle, path=str(moved)), tmp_path, cache) == first
    moved.write_bytes(b"another")
    assert digest_dataset(replace(kaggle, path=str(moved)), tmp_path, cache) != first


@pytest.mark.parametrize("changes", [{}, {"on_bad_subject": "skip"}, {"source": "kaggle"}])
def test_all_follows_from_what_decides_the_manifest(
    folder: Path, tmp_path: Path, cache: HashCache, changes: dict[str, Any]
) -> None:
    """As a job has it, from the listing's key record and with no image in reach."""
    given = settings(folder, shards=3, calibration_fraction=0.4)
    given = replace(given, **changes, path=None if changes.get("source") else given.path)
    digest = digest_dataset(given, tmp_path, cache)
    shutil.rmtree(folder)
    assert listed_dataset(given, json.loads(json.dumps(digest.whole, sort_keys=True))) == digest


def test_what_is_not_there_is_told_in_one_line(tmp_path: Path, cache: HashCache) -> None:
    kaggle = replace(settings(None), source="kaggle", path="absent.zip")
    with pytest.raises(
        SegtrtError, match=r"dataset.path is 'absent.zip', but there is no such file"
    ):
        digest_dataset(kaggle, tmp_path, cache)
    with pytest.raises(SegtrtError, match="absent"):
        digest_dataset(settings(tmp_path / "absent"), tmp_path, cache)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SegtrtError, match="empty"):
        digest_dataset(settings(tmp_path / "empty"), tmp_path, cache)
    model = resolve_config({"model": {"weights": "absent.pt"}}).model
    with pytest.raises(SegtrtError, match=r"model.weights is 'absent.pt', but there is no such"):
        digest_weights(model, tmp_path, cache)


def test_weights_are_known_by_content_or_by_url(tmp_path: Path, cache: HashCache) -> None:
    def digest(**model: Any) -> dict[str, Any]:
        return digest_weights(resolve_config({"model": model}).model, tmp_path, cache)

    one, copy = tmp_path / "one.pt", tmp_path / "copy.pt"
    one.write_bytes(b"weights")
    copy.write_bytes(b"weights")
    local = digest(weights=str(one))
    assert digest(weights=str(copy)) == local
    assert digest(weights=str(one), init_features=32) != local
    one.write_bytes(b"others")
    assert digest(weights=str(one)) != local
    remote = digest(weights="https://example.org/unet-e012d006.pt")
    assert digest(weights="https://example.org/unet-00000000.pt") != remote
    assert digest(weights="https://example.org/unet-e012d006.pt", sha256="0" * 64) != remote


@pytest.mark.parametrize(
    ("source", "url"),
    [("https://a/b.pt", True), ("http://a/b.pt", True), ("b.pt", False), ("/https/b.pt", False)],
)
def test_a_url_is_told_from_a_path(source: str, url: bool) -> None:
    assert is_url(source) is url
