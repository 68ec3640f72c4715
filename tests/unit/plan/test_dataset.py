"""Digests of images: what changes them, and what does not."""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from segtrt.config.resolve import resolve_config
from segtrt.config.settings import Dataset
from segtrt.errors import SegtrtError
from segtrt.plan.dataset import DatasetDigest, digest_dataset, find_dataset, listed_dataset
from segtrt.plan.hash_cache import HashCache


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
    after = digest_dataset(settings(moved), tmp_path, cache)
    assert after == before
    (moved / "anna/notes.txt").write_text("not an image")
    (moved / "anna/._anna_1.tif").write_text("left by a file manager")
    after = digest_dataset(settings(moved), tmp_path, cache)
    # They are counted in the manifest, and nowhere else.
    assert (after.shards, after.calibration) == (before.shards, before.calibration)
    assert after.whole["ignored"] == [1, ["anna/notes.txt"], 1]


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


def test_what_is_not_there_is_reported_in_one_line(tmp_path: Path, cache: HashCache) -> None:
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


def test_what_is_wrong_by_name_is_known_before_any_job(
    folder: Path, tmp_path: Path, cache: HashCache
) -> None:
    assert digest_dataset(settings(folder), tmp_path, cache).note is None
    (folder / "anna/anna_2_mask.tif").unlink()
    (folder / "berta/berta_1.tif").unlink()
    (folder / "berta/berta_1.tif").symlink_to(tmp_path / "nowhere")
    refused = digest_dataset(settings(folder), tmp_path, cache).note
    assert refused is not None
    assert refused.startswith(
        "2 bad subjects will be refused by list_slices: anna: anna/anna_2.tif"
    )
    assert "berta: berta/berta_1.tif is a link that leads nowhere" in refused
    skipped = digest_dataset(settings(folder, on_bad_subject="skip"), tmp_path, cache).note
    assert skipped is not None
    assert "2 bad subjects will be skipped: " in skipped


def test_a_file_that_becomes_readable_changes_its_subject(
    folder: Path, tmp_path: Path, cache: HashCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan stands though a file cannot be read: listing tells it."""
    given = settings(folder)
    sound = digest_dataset(given, tmp_path, cache)
    real = HashCache.digests

    def failing(self: HashCache, root: Path, names: Iterable[str]) -> dict[str, str]:
        asked = list(names)
        if "anna/anna_1.tif" in asked:
            raise OSError(5, "Input/output error")
        return real(self, root, asked)

    with monkeypatch.context() as patch:
        patch.setattr(HashCache, "digests", failing)
        broken = digest_dataset(given, tmp_path, cache)
    assert broken.whole["subjects"]["anna"] != sound.whole["subjects"]["anna"]
    assert broken.whole["subjects"]["berta"] == sound.whole["subjects"]["berta"]


def test_patterns_channels_and_labels_decide(tmp_path: Path, cache: HashCache) -> None:
    for name in ("imagesTr/p_a.png", "imagesTr/p_b.png", "labelsTr/p.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())

    def digest(**changes: Any) -> DatasetDigest:
        given = {
            "images": "imagesTr/{subject}_{channel}.png",
            "masks": "labelsTr/{subject}.png",
            **changes,
        }
        return digest_dataset(settings(tmp_path, **given), tmp_path, cache)

    base = digest()
    for change in (
        {"channels": ["b", "a"]},
        {"channels": ["a"]},
        {"masks": None},
        {"labels": {1: "a"}},
        {"ignored": 7},
    ):
        assert digest(**change).shards != base.shards, change
        assert digest(**change).whole != base.whole, change
    assert digest(channels=["a", "b"]).shards == base.shards


def test_nnunet_is_read_from_its_description(tmp_path: Path, cache: HashCache) -> None:
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "labelsTr").mkdir()
    for name in ("imagesTr/p_0000.nii.gz", "labelsTr/p.nii.gz"):
        (tmp_path / name).write_bytes(b"x")
    described = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}}
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    given = settings(tmp_path, source="nnunet")
    digest = digest_dataset(given, tmp_path, cache)
    assert digest.subjects == ("p",)
    assert digest.whole["form"]["labels"]["names"] == ["liver"]
    described["labels"] = {"background": 0, "organ": 1}
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    assert digest_dataset(given, tmp_path, cache).shards != digest.shards


def test_any_image_and_label_decides_how_long_preparing_takes(
    folder: Path, tmp_path: Path, cache: HashCache
) -> None:
    def images(**changes: Any) -> dict[str, Any]:
        return digest_dataset(settings(folder, **changes), tmp_path, cache).images

    before = images()
    assert images(shards=3, calibration_fraction=0.6, seed=4) == before
    assert images(labels={7: "lesion"}) != before
    (folder / "anna/anna_1.tif").write_bytes(b"other")
    assert images() != before


@pytest.mark.parametrize("on_bad_subject", ["fail", "skip"])
def test_one_subject_decides_the_size_unless_it_may_be_skipped(
    folder: Path, tmp_path: Path, cache: HashCache, on_bad_subject: str
) -> None:
    def digest() -> DatasetDigest:
        given = settings(folder, on_bad_subject=on_bad_subject, calibration_fraction=0.4)
        return digest_dataset(given, tmp_path, cache)

    first = digest()
    calibrating = {
        name for name, entry in first.whole["subjects"].items() if entry["split"] == "calibration"
    }
    assert len(calibrating) == 2
    deciding = set()
    for name in first.whole["subjects"]:
        before = digest().sizing
        (folder / name / f"{name}_1.tif").write_bytes(b"other")
        if digest().sizing != before:
            deciding.add(name)
    everyone = set(first.whole["subjects"])
    assert deciding == (everyone if on_bad_subject == "skip" else {min(calibrating)})
