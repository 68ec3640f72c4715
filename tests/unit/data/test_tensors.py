"""The tensors stage on real subjects."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from segtrt.data import tensors
from segtrt.data.make_manifest import write_manifest
from segtrt.data.normalise import normalise_slice
from segtrt.data.restore import restore_predictions
from segtrt.data.shards import Shard, SliceRef
from segtrt.data.tensors import encode_shard
from segtrt.data.volume import find_geometry, prepare_volume
from segtrt.errors import SegtrtError

FULL = "TCGA_CS_4944_20010208"
SHORT = "TCGA_CS_4942_19970222"
KEPT = {FULL: range(8, 13), SHORT: range(9, 12)}


@pytest.fixture(scope="module")
def data(kaggle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real subjects cut to a few slices, whose numbers have one and two digits."""
    root = tmp_path_factory.mktemp("data")
    for name, numbers in KEPT.items():
        (root / name).mkdir()
        for number in numbers:
            for ending in ("", "_mask"):
                file = f"{name}/{name}_{number}{ending}.tif"
                shutil.copy(kaggle_folder / file, root / file)
    return root


def list_slices(root: Path, folder: Path) -> Path:
    """Manifest of all subjects in `root` as one shard."""
    write_manifest(
        root,
        manifest_path=folder / "manifest.json",
        shard_paths=[folder / "shard_00.json"],
        subjects=None,
        calibration_fraction=0.5,
        seed=0,
        on_bad_subject="fail",
    )
    return folder / "shard_00.json"


def change_manifest(path: Path, subjects: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "subjects": subjects}))


@pytest.fixture
def manifest(data: Path, tmp_path: Path) -> Path:
    return list_slices(data, tmp_path)


def read_subject(root: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, masks = (
        [np.array(Image.open(root / name / f"{name}_{n}{ending}.tif")) for n in KEPT[name]]
        for ending in ("", "_mask")
    )
    return np.stack(images), np.stack(masks)


def test_slices_stand_in_order_and_are_normalised(
    manifest: Path, data: Path, tmp_path: Path
) -> None:
    encode_shard(manifest, data, tmp_path / "out.safetensors", "slice")
    with Shard(tmp_path / "out.safetensors") as shard:
        assert shard.metadata["format"] == "segtrt-tensors-1"
        assert shard.metadata["normalisation"] == "slice"
        assert [(ref.subject, ref.number) for ref in shard.index] == [
            (name, number) for name in (SHORT, FULL) for number in KEPT[name]
        ]
        assert {ref.split for ref in shard.index} == {"calibration", "evaluation"}
        for name, rows in shard.subjects().items():
            images, masks = read_subject(data, name)
            expected = np.stack([normalise_slice(image) for image in images])
            np.testing.assert_array_equal(shard.rows("images", rows.start, rows.stop), expected)
            found = shard.rows("masks", rows.start, rows.stop)
            assert found.dtype == np.uint8
            np.testing.assert_array_equal(found, masks // 255)


def test_volumes_are_prepared_whole(manifest: Path, data: Path, tmp_path: Path) -> None:
    encode_shard(manifest, data, tmp_path / "out.safetensors", "volume")
    with Shard(tmp_path / "out.safetensors") as shard:
        geometry = json.loads(shard.metadata["geometry"])
        for name, rows in shard.subjects().items():
            images, masks = read_subject(data, name)
            place = find_geometry(images)
            prepared = prepare_volume(images, masks, place)
            np.testing.assert_array_equal(
                shard.rows("images", rows.start, rows.stop), prepared.images
            )
            np.testing.assert_array_equal(
                shard.rows("masks", rows.start, rows.stop), prepared.masks
            )
            begin, end = place.slices
            assert [ref.number for ref in shard.index[rows]] == list(KEPT[name])[begin:end]
            assert geometry[name]["numbers"] == list(KEPT[name])


@pytest.mark.parametrize("normalisation", ["slice", "volume"])
def test_same_input_same_bytes(
    manifest: Path, data: Path, tmp_path: Path, normalisation: str
) -> None:
    files = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    for file in files:
        encode_shard(manifest, data, file, normalisation)
    first, second = (file.read_bytes() for file in files)
    assert first == second
    assert str(data).encode() not in first


@pytest.mark.parametrize("normalisation", ["slice", "volume"])
def test_safetensors_reads_the_file(
    manifest: Path, data: Path, tmp_path: Path, normalisation: str
) -> None:
    from safetensors import safe_open

    encode_shard(manifest, data, tmp_path / "out.safetensors", normalisation)
    count = sum(len(numbers) for numbers in KEPT.values()) - (4 if normalisation == "volume" else 0)
    with safe_open(tmp_path / "out.safetensors", "numpy") as file:
        assert set(file.keys()) == {"images", "masks"}
        assert file.get_slice("images").get_shape() == [count, 3, 256, 256]
        assert file.get_slice("masks").get_dtype() == "U8"


@pytest.mark.parametrize("normalisation", ["slice", "volume"])
def test_shard_without_subjects(
    manifest: Path, data: Path, tmp_path: Path, normalisation: str
) -> None:
    change_manifest(manifest, [])
    encode_shard(manifest, data, tmp_path / "out.safetensors", normalisation)
    with Shard(tmp_path / "out.safetensors") as shard:
        assert len(shard) == 0
        assert shard.subjects() == {}
        assert shard.rows("images").shape == (0, 3, 256, 256)


def test_order_of_the_manifest_does_not_matter(manifest: Path, data: Path, tmp_path: Path) -> None:
    encode_shard(manifest, data, tmp_path / "a.safetensors", "slice")
    subjects = json.loads(manifest.read_text())["subjects"]
    shuffled = [{**subject, "slices": subject["slices"][::-1]} for subject in subjects[::-1]]
    change_manifest(manifest, shuffled)
    encode_shard(manifest, data, tmp_path / "b.safetensors", "slice")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_log_tells_how_many(
    manifest: Path, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        encode_shard(manifest, data, tmp_path / "out.safetensors", "slice")
    assert "encoding slices: 8 slices" in caplog.text
    assert "out.safetensors: 2 subjects, normalised by slice" in caplog.text


def test_more_slices_than_are_read_ahead(
    manifest: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_shard(manifest, data, tmp_path / "a.safetensors", "slice")
    monkeypatch.setattr(tensors, "_AHEAD", 2)
    encode_shard(manifest, data, tmp_path / "b.safetensors", "slice")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize("normalisation", ["slice", "volume"])
def test_changed_file_is_refused_and_nothing_is_left(
    data: Path, tmp_path: Path, normalisation: str
) -> None:
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    manifest = list_slices(copy, tmp_path)
    shutil.copy(copy / FULL / f"{FULL}_8.tif", copy / FULL / f"{FULL}_10.tif")
    with pytest.raises(SegtrtError, match=f"{FULL}_10.tif changed"):
        encode_shard(manifest, copy, tmp_path / "out" / "out.safetensors", normalisation)
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("normalisation", ["slice", "volume"])
def test_missing_file_is_refused(data: Path, tmp_path: Path, normalisation: str) -> None:
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    manifest = list_slices(copy, tmp_path)
    (copy / FULL / f"{FULL}_10_mask.tif").unlink()
    with pytest.raises(SegtrtError, match=f"{FULL}_10_mask.tif"):
        encode_shard(manifest, copy, tmp_path / "out.safetensors", normalisation)


def test_subject_with_two_slices_is_named(manifest: Path, data: Path, tmp_path: Path) -> None:
    subjects = json.loads(manifest.read_text())["subjects"]
    del subjects[1]["slices"][2:]
    change_manifest(manifest, subjects)
    with pytest.raises(SegtrtError, match=f"subject {FULL}: .*at least 3 slices, got 2"):
        encode_shard(manifest, data, tmp_path / "out.safetensors", "volume")


def test_unknown_normalisation_is_refused(manifest: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match="expected slice or volume"):
        encode_shard(manifest, data, tmp_path / "out.safetensors", "patch")


def test_slice_masks_come_back_as_they_were(manifest: Path, data: Path, tmp_path: Path) -> None:
    encode_shard(manifest, data, tmp_path / "out.safetensors", "slice")
    with Shard(tmp_path / "out.safetensors") as shard:
        for name, rows in shard.subjects().items():
            truth = shard.rows("masks", rows.start, rows.stop)
            restored = restore_predictions(shard, name, truth)
            assert [number for number, _ in restored] == list(KEPT[name])
            np.testing.assert_array_equal(
                np.stack([mask for _, mask in restored]), read_subject(data, name)[1]
            )


def test_volume_masks_come_back_on_every_original_slice(
    manifest: Path, data: Path, tmp_path: Path
) -> None:
    encode_shard(manifest, data, tmp_path / "out.safetensors", "volume")
    with Shard(tmp_path / "out.safetensors") as shard:
        for name, rows in shard.subjects().items():
            truth = shard.rows("masks", rows.start, rows.stop)
            assert truth.any()
            restored = restore_predictions(shard, name, truth)
            assert [number for number, _ in restored] == list(KEPT[name])
            original = read_subject(data, name)[1]
            original[[0, -1]] = 0
            # In these subjects the whole tumour lies inside the crop box.
            np.testing.assert_array_equal(np.stack([mask for _, mask in restored]), original)
            assert restored[0][1].dtype == np.uint8


def test_restoring_an_unknown_subject_names_those_there_are(
    manifest: Path, data: Path, tmp_path: Path
) -> None:
    encode_shard(manifest, data, tmp_path / "out.safetensors", "slice")
    masks = np.zeros((5, 256, 256), np.uint8)
    with (
        Shard(tmp_path / "out.safetensors") as shard,
        pytest.raises(SegtrtError, match=f"no subject NOBODY; it has {SHORT}, {FULL}"),
    ):
        restore_predictions(shard, "NOBODY", masks)


def test_restoring_too_few_masks_is_an_error(manifest: Path, data: Path, tmp_path: Path) -> None:
    encode_shard(manifest, data, tmp_path / "out.safetensors", "slice")
    with (
        Shard(tmp_path / "out.safetensors") as shard,
        pytest.raises(ValueError, match=r"\(5, 256, 256\) expected"),
    ):
        restore_predictions(shard, FULL, np.zeros((4, 256, 256), np.uint8))


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"normalisation": "volume"},
        {"normalisation": "volume", "geometry": "{"},
        {"normalisation": "volume", "geometry": '{"A": {"numbers": [1]}}'},
    ],
)
def test_damaged_metadata_is_told_in_one_line(tmp_path: Path, metadata: dict[str, str]) -> None:
    from segtrt.data.shards import write_shard

    path = tmp_path / "out.safetensors"
    kind = {"masks": ("U8", (1,))}
    with write_shard(path, kind, [SliceRef("A", 1, "evaluation")], metadata) as writer:
        writer.append("masks", np.zeros((1, 1), np.uint8))
    with Shard(path) as shard, pytest.raises(SegtrtError, match="delete it and run"):
        restore_predictions(shard, "A", np.zeros((1, 256, 256), np.uint8))
