"""The tensors stage: pixels of real subjects, patterns, classes, volumes, windows, refusals."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from dicom_series import write_series
from numpy.typing import NDArray
from PIL import Image
from prepared_shards import FORM, TUMOUR, encode, form, list_folder
from segtrt.data import encode as encoding_stage
from segtrt.data.form import form_of
from segtrt.data.labels import Labels
from segtrt.data.nnunet import read_nnunet
from segtrt.data.normalise import normalise_slice
from segtrt.data.prepared import Prepared
from segtrt.data.scan import Demands
from segtrt.data.sharding import assign_shards
from segtrt.data.volume import find_geometry, prepare_images
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET
from segtrt.model.spec import NetworkSpec

FULL = "TCGA_CS_4944_20010208"
SHORT = "TCGA_CS_4942_19970222"
KEPT = {FULL: range(8, 13), SHORT: range(9, 12)}
GREY = replace(UNET, channels=1)
SOLID = replace(GREY, size=(None, None, None), multiple=(4, 4, 4), stride=(1, 1, 1))


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


def read_subject(root: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, masks = (
        [np.array(Image.open(root / name / f"{name}_{n}{ending}.tif")) for n in KEPT[name]]
        for ending in ("", "_mask")
    )
    return np.stack(images), np.stack(masks)


def test_slices_stand_in_order_and_are_normalised(data: Path, tmp_path: Path) -> None:
    (shard,) = list_folder(data, tmp_path, calibration_fraction=0.5)
    with Prepared(encode(shard, data, tmp_path / "out")) as prepared:
        assert prepared.patch == (3, 256, 256)
        assert prepared.labels == TUMOUR
        assert [(item.subject, item.name) for item in prepared.items] == [
            (name, str(number)) for name in (SHORT, FULL) for number in KEPT[name]
        ]
        assert {item.split for item in prepared.items} == {"calibration", "evaluation"}
        for name, places in prepared.subjects().items():
            images, masks = read_subject(data, name)
            for place, image, mask in zip(places, images, masks, strict=True):
                item = prepared.items[place]
                (found,) = prepared.images(item.rows.start, item.rows.stop)
                np.testing.assert_array_equal(found, normalise_slice(image))
                np.testing.assert_array_equal(prepared.truth(place), mask // 255)
                (file,) = item.files(data)
                assert file.mask == f"{name}/{name}_{item.name}_mask.tif"


def test_volumes_are_prepared_whole_and_go_back_to_every_slice(data: Path, tmp_path: Path) -> None:
    (shard,) = list_folder(data, tmp_path, demands=Demands(stacked=True))
    encode(shard, data, tmp_path / "out", {"normalisation": "volume"})
    with Prepared(tmp_path / "out") as prepared:
        assert [item.title for item in prepared.items] == [SHORT, FULL]
        for place, item in enumerate(prepared.items):
            images, masks = read_subject(data, item.subject)
            where = find_geometry(images)
            np.testing.assert_array_equal(
                prepared.images(item.rows.start, item.rows.stop),
                prepare_images(images, where, 256),
            )
            np.testing.assert_array_equal(prepared.truth(place), masks // 255)
            placed = item.placement.place_labels(prepared.truth(place))
            kept = np.zeros_like(masks)
            where.crop(kept)[...] = where.crop(masks) // 255
            np.testing.assert_array_equal(item.placement.restore(placed), kept)
            assert [file.name for file in item.files(data)] == list(map(str, KEPT[item.subject]))


@pytest.mark.parametrize("normalisation", ["slice", "volume"])
def test_same_input_same_bytes(data: Path, tmp_path: Path, normalisation: str) -> None:
    (shard,) = list_folder(data, tmp_path)
    files = [tmp_path / "first", tmp_path / "second"]
    for file in files:
        encode(shard, data, file, {"normalisation": normalisation})
    first, second = (file.read_bytes() for file in files)
    assert first == second
    assert str(data).encode() not in first


def test_a_shard_without_subjects_has_the_patch_of_the_others(data: Path, tmp_path: Path) -> None:
    shards = list_folder(data, tmp_path, shards=5)
    empty = next(path for path in shards if not json.loads(path.read_text())["subjects"])
    with Prepared(encode(empty, data, tmp_path / "out")) as prepared:
        assert (len(prepared), prepared.patch) == (0, (3, 256, 256))


def test_how_an_image_is_prepared_does_not_depend_on_other_shards(tmp_path: Path) -> None:
    """Whether others need padding up to the network's multiple is nothing to those that do not."""
    made = []
    for side in (16, 15):
        root, out = tmp_path / f"data_{side}", tmp_path / f"out_{side}"
        (root / "images").mkdir(parents=True)
        out.mkdir()
        names = [f"{n}" for n in range(8)]
        shard_of = assign_shards(dict.fromkeys(names, 1), 2)
        for name in names:
            other = side if shard_of[name] else 16
            Image.fromarray(np.full((other, other), 7, np.uint8)).save(root / f"images/{name}.png")
        first, _ = list_folder(root, out, form=form("images/{item}.png", None), shards=2)
        encode(first, root, out / "tensors", {"normalisation": "none"}, GREY, None)
        made.append((out / "tensors").read_bytes())
    assert made[0] == made[1]


def test_a_file_that_changed_since_it_was_listed_is_refused(data: Path, tmp_path: Path) -> None:
    root = shutil.copytree(data, tmp_path / "copy")
    (shard,) = list_folder(root, tmp_path)
    for ending in ("", "_mask"):
        file = root / FULL / f"{FULL}_8{ending}.tif"
        before = file.read_bytes()
        file.write_bytes(before + b"\0")
        with pytest.raises(SegtrtError, match=f"{FULL}_8{ending}.tif changed since it was listed"):
            encode(shard, root, tmp_path / "out")
        file.write_bytes(before)
    file.unlink()
    with pytest.raises(SegtrtError, match="cannot be read"):
        encode(shard, root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_log_says_how_much_there_is(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (shard,) = list_folder(data, tmp_path)
    with caplog.at_level(logging.INFO, logger=encoding_stage.__name__):
        encode(shard, data, tmp_path / "out.safetensors")
    assert "out.safetensors: 8 images in 2 subjects" in caplog.text


def pictures(root: Path, count: int = 4, size: tuple[int, int] = (20, 24)) -> None:
    """Grey pictures and masks of three classes, without subjects."""
    rng = np.random.default_rng(7)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for n in range(count):
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(root / f"images/{n}.png")
        values = rng.choice(np.array([0, 50, 100, 150], np.uint8), size)
        Image.fromarray(values).save(root / f"masks/{n}.png")


CLASSES = {50: "a", 100: "b", 150: "c"}


def test_pictures_without_subjects_in_three_classes(tmp_path: Path) -> None:
    pictures(tmp_path / "data")
    given = form("images/{item}.png", "masks/{item}.png", labels=CLASSES)
    (shard,) = list_folder(tmp_path / "data", tmp_path, form=given)
    settings = {"normalisation": "scale", "range": [0, 255]}
    encode(shard, tmp_path / "data", tmp_path / "out", settings, GREY, given.labels)
    with Prepared(tmp_path / "out") as prepared:
        # The network takes multiples of 16, so pictures are padded about the middle.
        assert prepared.patch == (1, 32, 32)
        assert [item.subject for item in prepared.items] == ["0", "1", "2", "3"]
        for place, item in enumerate(prepared.items):
            stored = np.array(Image.open(tmp_path / f"data/images/{item.name}.png"))
            (patch,) = prepared.images(place, place + 1)
            np.testing.assert_allclose(patch[0, 6:26, 4:28], stored / 255, rtol=1e-6)
            assert patch.sum() == pytest.approx((stored / 255).sum(), rel=1e-5)
            mask = np.array(Image.open(tmp_path / f"data/masks/{item.name}.png"))
            np.testing.assert_array_equal(prepared.truth(place), mask // 50)
            back = item.placement.restore(item.placement.place_labels(prepared.truth(place)))
            np.testing.assert_array_equal(back, mask // 50)


def test_without_masks_there_is_no_truth(tmp_path: Path) -> None:
    pictures(tmp_path / "data")
    given = form("images/{item}.png", None)
    assert given.labels is None
    (shard,) = list_folder(tmp_path / "data", tmp_path, form=given)
    encode(shard, tmp_path / "data", tmp_path / "out", spec=GREY, labels=None)
    with Prepared(tmp_path / "out") as prepared:
        assert prepared.labels is None
        assert not any(item.has_truth for item in prepared.items)
        assert prepared.items[0].source["output"] == "images/0.png"


def test_windows_cover_every_pixel(tmp_path: Path) -> None:
    pictures(tmp_path / "data", 2, (40, 50))
    given = form("images/{item}.png", "masks/{item}.png", labels=CLASSES)
    (shard,) = list_folder(tmp_path / "data", tmp_path, form=given)
    settings = {"normalisation": "none", "window": {"size": [16, 32], "overlap": 0.5}}
    encode(shard, tmp_path / "data", tmp_path / "out", settings, GREY, given.labels)
    with Prepared(tmp_path / "out") as prepared:
        assert prepared.patch == (1, 16, 32)
        assert [len(item.patches) for item in prepared.items] == [4 * 3, 4 * 3]
        for item in prepared.items:
            stored = np.array(Image.open(tmp_path / f"data/images/{item.name}.png"))
            found = np.full((40, 50), -1.0)
            patches = prepared.images(item.rows.start, item.rows.stop)
            for (top, left), patch in zip(item.patches.offsets(), patches, strict=True):
                found[top : top + 16, left : left + 32] = patch[0]
            np.testing.assert_array_equal(found, stored)


def volumes(root: Path, sizes: dict[str, tuple[int, int, int]], spacing: float = 2.0) -> None:
    """NIfTI volumes with masks, in nnU-Net's form with two channels."""
    rng = np.random.default_rng(3)
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    for name, size in sizes.items():
        arrays = {f"imagesTr/{name}_{c:04d}": rng.normal(size=size) for c in (0, 1)}
        arrays[f"labelsTr/{name}"] = rng.integers(0, 3, size).astype(np.uint8)
        for path, array in arrays.items():
            image = SimpleITK.GetImageFromArray(array)
            image.SetSpacing((1.0, 1.0, spacing))
            SimpleITK.WriteImage(image, str(root / f"{path}.nii.gz"))
    described = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "core": 1, "rim": 2},
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(described))


def test_nnunet_volumes_by_slices_for_a_2d_network(tmp_path: Path) -> None:
    root = tmp_path / "data"
    volumes(root, {"p1": (5, 16, 32), "p2": (3, 16, 32)})
    given = form_of(root, nnunet=True)
    assert given.labels == read_nnunet(root).labels
    (shard,) = list_folder(root, tmp_path, form=given)
    settings = {"normalisation": "none", "axis": 0}
    encode(shard, root, tmp_path / "out", settings, replace(UNET, channels=2), given.labels)
    with Prepared(tmp_path / "out") as prepared:
        assert prepared.patch == (2, 16, 32)
        assert [(item.subject, len(item.patches)) for item in prepared.items] == [
            ("p1", 5),
            ("p2", 3),
        ]
        for place, item in enumerate(prepared.items):
            assert item.spacing == (2.0, 1.0, 1.0)
            for channel in (0, 1):
                path = root / f"imagesTr/{item.subject}_{channel:04d}.nii.gz"
                stored = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
                found = prepared.images(item.rows.start, item.rows.stop)[:, channel]
                np.testing.assert_array_equal(found, stored.astype(np.float32))
            mask = SimpleITK.ReadImage(str(root / f"labelsTr/{item.subject}.nii.gz"))
            np.testing.assert_array_equal(prepared.truth(place), SimpleITK.GetArrayFromImage(mask))


def test_volumes_of_several_sizes_and_spacings_for_a_3d_network(tmp_path: Path) -> None:
    root = tmp_path / "data"
    volumes(root, {"p1": (5, 16, 32), "p2": (9, 20, 12)})
    given = form("imagesTr/{subject}_{channel}.nii.gz", None, channels=["0001"])
    (shard,) = list_folder(root, tmp_path, form=given)
    settings = {
        "spacing": [1, None, None],
        "window": {"size": [8, 8, 8]},
        "normalisation": "zscore",
    }
    encode(shard, root, tmp_path / "out", settings, SOLID, None)
    with Prepared(tmp_path / "out") as prepared:
        assert prepared.patch == (1, 8, 8, 8)
        assert [item.placement.grid for item in prepared.items] == [(10, 16, 32), (18, 20, 12)]
    with pytest.raises(
        SegtrtError, match=r"2 sizes \(5 x 16 x 32, 9 x 20 x 12\).*set tensors.size"
    ):
        encode(shard, root, tmp_path / "no", {"normalisation": "zscore"}, SOLID, None)
    sized = {"normalisation": "zscore", "size": [8, 16, 16]}
    with Prepared(encode(shard, root, tmp_path / "sized", sized, SOLID, None)) as prepared:
        assert prepared.images().shape == (2, 1, 8, 16, 16)


def test_a_dicom_series_and_16_bit_pictures(tmp_path: Path) -> None:
    root = tmp_path / "data"
    array = np.arange(4 * 16 * 16, dtype=np.int16).reshape(4, 16, 16)
    write_series(root / "p1/ct", array, [(0, 0, 2.5 * plane) for plane in range(4)])
    given = form("{subject}/ct/", None)
    (shard,) = list_folder(root, tmp_path, form=given)
    settings = {"axis": 0, "normalisation": "none"}
    with Prepared(encode(shard, root, tmp_path / "out", settings, GREY, None)) as prepared:
        np.testing.assert_array_equal(prepared.images()[:, 0], array)
        assert prepared.items[0].spacing == (2.5, 0.75, 0.5)
    wide = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16) * 250
    (root / "wide").mkdir()
    Image.fromarray(wide).save(root / "wide/a.tif")
    given = form("wide/{item}.tif", None)
    (shard,) = list_folder(root, tmp_path, form=given)
    settings = {"normalisation": "none"}
    with Prepared(encode(shard, root, tmp_path / "wide", settings, GREY, None)) as prepared:
        np.testing.assert_array_equal(prepared.images()[0, 0], wide)


def test_a_normalisation_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path / "data")
    (tmp_path / "mine.py").write_text(
        "import numpy\ndef half(image): return image.astype(numpy.float32) / 2\n"
        "def wrong(image): return image[:1, :2]\n"
    )
    monkeypatch.chdir(tmp_path)
    (shard,) = list_folder(tmp_path / "data", tmp_path, form=form("images/{item}.png", None))
    settings = {"normalisation": "mine.py:half", "size": [16, 16], "fit": "pad"}
    with Prepared(encode(shard, tmp_path / "data", tmp_path / "out", settings, GREY, None)) as made:
        stored = np.array(Image.open(tmp_path / "data/images/0.png"))
        np.testing.assert_array_equal(made.images()[0, 0], stored[2:18, 4:20] / np.float32(2))
    settings["normalisation"] = "mine.py:wrong"
    with pytest.raises(SegtrtError, match=r"^0, 0: .*expected a NumPy array of float32"):
        encode(shard, tmp_path / "data", tmp_path / "out", settings, GREY, None)


@pytest.mark.parametrize(
    ("settings", "spec", "message"),
    [
        ({}, UNET, "the images have 1 channel, the network takes 3"),
        ({"axis": 0}, GREY, "tensors.axis is 0, but the images are 2-D"),
        ({}, SOLID, "the images are 2-D as the settings have them, the network is 3-D"),
        ({"size": [20, 24]}, GREY, "tensors.size is .20, 24., but the network takes a multiple of"),
        ({"window": {"size": [17, 16]}}, GREY, "tensors.window.size is .17, 16., but"),
        ({}, replace(GREY, size=(16, 16)), "larger than the network's fixed 16x16"),
    ],
)
def test_what_does_not_go_together_is_refused(
    settings: dict[str, object], spec: NetworkSpec, message: str, tmp_path: Path
) -> None:
    pictures(tmp_path / "data")
    (shard,) = list_folder(tmp_path / "data", tmp_path, form=form("images/{item}.png", None))
    with pytest.raises(SegtrtError, match=message) as caught:
        encode(shard, tmp_path / "data", tmp_path / "out", settings, spec, None)
    assert "\n" not in str(caught.value)


def test_volumes_without_an_axis_for_a_2d_network_are_refused(tmp_path: Path) -> None:
    volumes(tmp_path / "data", {"p1": (5, 16, 32)})
    given = form("imagesTr/{subject}_{channel}.nii.gz", None, channels=["0001"])
    (shard,) = list_folder(tmp_path / "data", tmp_path, form=given)
    settings = {"normalisation": "zscore"}
    with pytest.raises(SegtrtError, match=r"network is 2-D; set tensors.axis to the axis to cut"):
        encode(shard, tmp_path / "data", tmp_path / "out", settings, GREY, None)


def test_the_default_form_is_the_kaggle_one() -> None:
    assert FORM.layout.images == "{subject}/{subject}_{item}.tif"
    assert Labels.of({255: "tumour"}) == FORM.labels
