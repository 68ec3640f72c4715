"""Whole items read: the real patients' pixels, channels stacked, masks over images."""

from pathlib import Path

import numpy as np
import pytest
from dicom_series import write_series
from hostile_images import CHANNELS, blob, channels, colours, two, volume
from PIL import Image as Pillow
from segtrt.data.formats.read import read_file, read_image, read_item, read_mask
from segtrt.data.labels import Labels
from segtrt.data.layout import KAGGLE, Layout
from segtrt.data.listing import list_items
from segtrt.errors import SegtrtError

LABELS = Labels.of({255: "tumour"})


def test_real_patients_have_the_pixels_that_pillow_sees(kaggle_folder: Path) -> None:
    items = list_items(kaggle_folder, KAGGLE).items
    assert len({item.subject for item in items}) == 6
    for item in items:
        image, mask = read_item(item, LABELS)
        assert image.array.dtype == np.uint8
        by_pillow = np.array(Pillow.open(kaggle_folder / item.images[0]))
        np.testing.assert_array_equal(image.array.transpose(1, 2, 0), by_pillow)
        assert item.mask is not None
        by_pillow = np.array(Pillow.open(kaggle_folder / item.mask))
        np.testing.assert_array_equal(mask, by_pillow // 255)


def test_image_and_mask_of_an_item(tmp_path: Path) -> None:
    two(tmp_path)
    item = list_items(tmp_path, KAGGLE).items[1]
    np.testing.assert_array_equal(read_image(item).array, colours(7).transpose(2, 0, 1))
    assert item.mask is not None
    np.testing.assert_array_equal(read_mask(tmp_path / item.mask, LABELS), blob(7) // 255)
    (tmp_path / item.images[0]).unlink()
    with pytest.raises(SegtrtError, match=r"cannot be read \(No such file or directory\)"):
        read_image(item)


def test_channels_are_stacked_in_order(tmp_path: Path) -> None:
    channels(tmp_path)
    wide = Pillow.fromarray(colours(5)[..., 0].astype(np.uint16) * 200)
    wide.save(tmp_path / "imagesTr/p1_0001.png")
    layout = Layout(CHANNELS.images, CHANNELS.masks, ("0001", "0000"))
    image = read_image(list_items(tmp_path, layout).items[0])
    assert image.array.dtype == np.uint16
    np.testing.assert_array_equal(image.array[0], colours(5)[..., 0].astype(int) * 200)
    np.testing.assert_array_equal(image.array[1], colours(0)[..., 0])


def test_a_series_with_a_volume_for_its_mask(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-9, 9, (3, 4, 5)).astype(np.int16)
    write_series(tmp_path / "ct/p", values, [(0.0, 0.0, 2.0 * n) for n in range(3)])
    labels = np.where(values > 3, 255, 0).astype(np.uint8)
    volume(tmp_path / "seg/p.nii.gz", labels, (0.5, 0.75, 2.0))
    (item,) = list_items(tmp_path, Layout("ct/{subject}/", "seg/{subject}.nii.gz")).items
    image, mask = read_item(item, LABELS)
    np.testing.assert_array_equal(image.array[0], values)
    np.testing.assert_array_equal(mask, labels // 255)
    write_series(tmp_path / "seg/p", labels.astype(np.int16), [(0, 0, 2.0 * n) for n in range(3)])
    np.testing.assert_array_equal(read_mask(tmp_path / "seg/p", LABELS), labels // 255)


def test_a_picture_is_the_mask_of_a_volume_of_one_slice(tmp_path: Path) -> None:
    volume(tmp_path / "ct/1.nii.gz", np.zeros((1, 20, 24), np.int16))
    (tmp_path / "seg").mkdir()
    Pillow.fromarray(blob(1)).save(tmp_path / "seg/1.png")
    (item,) = list_items(tmp_path, Layout("ct/{item}.nii.gz", "seg/{item}.png")).items
    image, mask = read_item(item, LABELS)
    assert image.size == (1, 20, 24)
    np.testing.assert_array_equal(mask, blob(1)[np.newaxis] // 255)


def test_palette_masks_are_read_by_index(tmp_path: Path) -> None:
    classes = np.random.default_rng(1).integers(0, 3, (20, 24)).astype(np.uint8)
    picture = Pillow.fromarray(classes)
    picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    picture.save(tmp_path / "m.png")
    labels = Labels.of({1: "liver", 2: "tumour"})
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png", labels), classes)
    assert read_file(tmp_path / "m.png").array.shape == (3, 20, 24)


@pytest.mark.parametrize(
    "suffix", ["png", "jpg", "tif", "npy", "nii", "nii.gz", "mha", "nrrd", "dcm"]
)
def test_damaged_bytes_end_in_one_line_or_in_pixels(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        np.save(path, colours(1))
    elif suffix in ("png", "jpg", "tif"):
        Pillow.fromarray(colours(1)).save(path)
    else:
        volume(path, np.arange(480, dtype=np.int16).reshape(20, 24))
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for turn in range(60):
        damaged = bytearray(content)
        for place in rng.integers(0, min(len(content), 400 if turn % 2 else len(content)), 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged[: rng.integers(1, len(damaged))] if turn % 5 == 0 else damaged)
        try:
            assert read_file(path).array.ndim >= 3
        except SegtrtError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused >= 12
