"""Listing a data set: real patients, split by shard, read back, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from prepared_shards import FORM, TUMOUR, form
from segtrt.data.make_manifest import make_manifest, write_manifest
from segtrt.data.manifest import read_manifest
from segtrt.data.scan import Demands
from segtrt.data.stored import read_listed
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file

DEFAULTS: dict[str, Any] = {
    "form": FORM,
    "demands": Demands(),
    "subjects": None,
    "calibration_fraction": 0.2,
    "seed": 0,
    "on_bad_subject": "fail",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five small subjects, slices 1, 2 and 10 each."""
    rng = np.random.default_rng(1)
    folder = tmp_path / "images"
    for name in ("S1", "S2", "S3", "S4", "S5"):
        (folder / name).mkdir(parents=True)
        for number in (1, 2, 10):
            pixels = rng.integers(0, 256, (256, 256, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{name}_{number}.tif")
            mask = Image.fromarray(np.where(pixels[..., 0] > 99, 255, 0).astype(np.uint8))
            mask.save(folder / name / f"{name}_{number}_mask.tif")
    (folder / "data.csv").touch()
    return folder


def refusal(root: Path, **changes: Any) -> str:
    with pytest.raises(SegtrtError) as caught:
        make_manifest(root, **{**DEFAULTS, "shards": 2, **changes})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_real_patients(kaggle_folder: Path, tmp_path: Path) -> None:
    shards = [tmp_path / f"shard_{i:02d}.json" for i in range(3)]
    write_manifest(
        kaggle_folder, manifest_path=tmp_path / "manifest.json", shard_paths=shards, **DEFAULTS
    )
    manifest = read_manifest(tmp_path / "manifest.json")
    assert [len(subject.items) for subject in manifest.subjects] == [23, 20, 20, 20, 20, 20]
    assert [subject.split for subject in manifest.subjects].count("calibration") == 1
    assert manifest.skipped == ()
    by_shard = [read_manifest(path).subjects for path in shards]
    assert sorted((s for part in by_shard for s in part), key=lambda s: s.name) == list(
        manifest.subjects
    )
    assert all(s.shard == i for i, part in enumerate(by_shard) for s in part)
    entry = manifest.subjects[0].items[9]
    name = manifest.subjects[0].name
    assert entry.name == "10"
    assert entry.images == (f"{name}/{name}_10.tif",)
    assert [file.path for file in entry.files] == [*entry.images, entry.mask]
    assert all(file.sha256 == sha256_file(kaggle_folder / file.path) for file in entry.files)
    image, mask = read_listed(kaggle_folder, name, entry, TUMOUR)
    stored = np.array(Image.open(kaggle_folder / entry.images[0]))
    np.testing.assert_array_equal(image.array, stored.transpose(2, 0, 1))
    np.testing.assert_array_equal(mask, np.array(Image.open(kaggle_folder / entry.mask)) // 255)


def test_content_is_the_same_wherever_the_folder_lies(root: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(root, tmp_path / "other" / "name")
    first = make_manifest(root, shards=2, **DEFAULTS)
    assert make_manifest(elsewhere, shards=2, **DEFAULTS) == first
    whole = tmp_path / "m.json"
    write_manifest(
        root, manifest_path=whole, shard_paths=[tmp_path / "0", tmp_path / "1"], **DEFAULTS
    )
    assert str(tmp_path) not in whole.read_text()
    written = json.loads(whole.read_text())
    assert list(written) == [
        *("format", "subjects", "skipped", "ignored", "channels", "grids", "twins", "totals")
    ]
    assert written["totals"] == {
        "subjects": 5,
        "items": 15,
        "calibration_subjects": 1,
        "calibration_items": 3,
        "skipped": 0,
    }


def test_paths_are_relative_to_the_given_folder_of_a_nested_tree(
    root: Path, tmp_path: Path
) -> None:
    nested = tmp_path / "download"
    shutil.copytree(root, nested / "kaggle_3m")
    manifest = make_manifest(nested, shards=1, **DEFAULTS)
    assert manifest.subjects[0].items[0].images == ("kaggle_3m/S1/S1_1.tif",)
    assert manifest.subjects[0].items[0].output == "S1/S1_1_mask.tif"


def test_an_empty_shard_is_a_manifest_too(root: Path, tmp_path: Path) -> None:
    shards = [tmp_path / f"{i}.json" for i in range(9)]
    write_manifest(root, manifest_path=tmp_path / "m.json", shard_paths=shards, **DEFAULTS)
    assert any(read_manifest(path).subjects == () for path in shards)


def test_requested_subjects(root: Path) -> None:
    manifest = make_manifest(root, shards=1, **{**DEFAULTS, "subjects": ["S4", "S2"]})
    assert [subject.name for subject in manifest.subjects] == ["S2", "S4"]


def test_unknown_subject_lists_close_names(root: Path) -> None:
    message = refusal(root, subjects=["S1", "S22", "nobody"])
    assert "S22 (close: S2" in message
    assert "nobody;" in message
    assert "5 subjects" in message


def test_every_bad_subject_is_named(root: Path) -> None:
    (root / "S2" / "S2_10_mask.tif").unlink()
    for name in ("S4_1.tif", "S4_2.tif"):
        content = (root / "S4" / name).read_bytes()
        (root / "S4" / name).write_bytes(content[: len(content) // 2])
    message = refusal(root)
    assert message.startswith("2 bad subjects in ")
    assert "S2: S2/S2_10.tif has no mask" in message
    assert "S4: S4/S4_1.tif is damaged" in message
    assert "; S4/S4_2.tif is damaged" in message
    assert "set dataset.on_bad_subject to skip" in message


def test_many_bad_subjects_are_capped(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"S{number:02d}").mkdir()
    (tmp_path / "S00/S00_1.tif").touch()
    message = refusal(tmp_path)
    assert message.startswith("30 bad subjects")
    assert "; and 20 more; correct them" in message
    assert "S09: " in message
    assert "S10: " not in message


def test_skipping_leaves_the_others_where_they_are(root: Path) -> None:
    sound = make_manifest(root, shards=2, **DEFAULTS)
    bad = next(s.name for s in sound.subjects if s.split == "evaluation")
    (root / bad / f"{bad}_10_mask.tif").unlink()
    manifest = make_manifest(root, shards=2, **{**DEFAULTS, "on_bad_subject": "skip"})
    assert manifest.subjects == tuple(s for s in sound.subjects if s.name != bad)
    (skipped,) = manifest.skipped
    assert skipped.name == bad
    assert skipped.reason.startswith(f"{bad}/{bad}_10.tif has no mask")
    assert manifest.totals.skipped == 1


def test_skipped_subjects_are_read_back(root: Path, tmp_path: Path) -> None:
    (root / "S9").mkdir()
    write_manifest(
        root,
        manifest_path=tmp_path / "m.json",
        shard_paths=[tmp_path / "0.json"],
        **{**DEFAULTS, "on_bad_subject": "skip"},
    )
    (skipped,) = read_manifest(tmp_path / "m.json").skipped
    assert skipped.name == "S9"
    assert "has no files of this layout" in skipped.reason
    assert read_manifest(tmp_path / "0.json").skipped == ()


def test_skipping_the_only_calibration_subject_takes_another(root: Path) -> None:
    sound = make_manifest(root, shards=1, **DEFAULTS)
    (bad,) = (s for s in sound.subjects if s.split == "calibration")
    (root / bad.items[0].mask or "").unlink()
    manifest = make_manifest(root, shards=1, **{**DEFAULTS, "on_bad_subject": "skip"})
    splits = [subject.split for subject in manifest.subjects]
    assert sorted(splits) == ["calibration", "evaluation", "evaluation", "evaluation"]


def test_skipping_must_leave_a_subject(root: Path) -> None:
    for path in root.glob("*/*_1_mask.tif"):
        path.unlink()
    assert "can be used: 5 bad subjects" in refusal(root, on_bad_subject="skip")


def test_ignored_files_are_counted_and_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "S1/notes.txt").touch()
    (root / ".hidden").touch()
    with caplog.at_level("INFO"):
        manifest = make_manifest(root, shards=1, **DEFAULTS)
    assert manifest.ignored.files == 2
    assert set(manifest.ignored.examples) == {"S1/notes.txt", "data.csv"}
    assert manifest.ignored.left_behind == 1
    assert "2 file(s) that no pattern matches: " in caplog.text


def test_a_subject_too_short_for_a_volume_is_bad_where_volumes_are_asked_for(root: Path) -> None:
    for name in ("S3/S3_1.tif", "S3/S3_1_mask.tif"):
        (root / name).unlink()
    assert len(make_manifest(root, shards=1, **DEFAULTS).subjects) == 5
    volumes = {**DEFAULTS, "demands": Demands(stacked=True), "on_bad_subject": "skip"}
    manifest = make_manifest(root, shards=1, **volumes)
    (skipped,) = manifest.skipped
    assert skipped.name == "S3"
    assert "it has 2 slices, but tensors.normalisation volume needs at least 3" in skipped.reason


def test_slices_of_several_sizes_make_no_volume(root: Path) -> None:
    for name in ("S3/S3_1.tif", "S3/S3_1_mask.tif"):
        with Image.open(root / name) as image:
            image.resize((200, 256)).point(lambda value: 255 * (value > 127)).save(root / name)
    message = refusal(root, demands=Demands(stacked=True))
    assert "S3: its slices have several sizes (256 x 200 and 256 x 256)" in message
    manifest = make_manifest(root, shards=1, **DEFAULTS)
    assert [grid.size for grid in manifest.grids] == [(256, 200), (256, 256)]


def test_an_image_of_other_channels_than_most_is_bad(root: Path) -> None:
    with Image.open(root / "S2/S2_2.tif") as image:
        image.convert("L").save(root / "S2/S2_2.tif")
    message = refusal(root)
    assert "S2: S2/S2_2.tif has 1 channel and 2 axes, expected 3 channels and 2 axes" in message


def test_values_that_are_not_finite_are_found_in_listing(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(3):
        values = np.full((8, 8), number, np.float32)
        values[0, 0] = np.nan if number == 1 else 0
        np.save(tmp_path / f"images/{number}.npy", values)
    plain = form("images/{item}.npy", None)
    message = refusal(tmp_path, form=plain)
    assert "1: images/1.npy has 1 values that are not finite numbers" in message
    message = refusal(tmp_path, form=plain, demands=Demands(spaced=True))
    assert "2: images/2.npy does not say how large its pixels are" in message


def test_one_patient_under_two_names_is_reported(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert make_manifest(root, shards=1, **DEFAULTS).twins == ()
    (root / "S9").mkdir()
    for path in (root / "S1").iterdir():
        shutil.copy(path, root / "S9" / path.name.replace("S1", "S9"))
    shutil.copy(root / "S2/S2_1.tif", root / "S3/S3_1.tif")  # one slice in common proves nothing
    (twins,) = make_manifest(root, shards=1, **DEFAULTS).twins
    assert twins.subjects == ("S1", "S9")
    assert twins.images == 3
    assert "S1 and S9 have 3 images in common" in caplog.text
