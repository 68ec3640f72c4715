"""Masks written beside images of every format, read back by readers of other makers."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from dicom_series import write_series
from hostile_images import blob, colours, flat, two, volume
from PIL import Image as Pillow
from segtrt.data.formats.read import read_item, read_mask
from segtrt.data.formats.write import output_name, write_mask
from segtrt.data.labels import Labels
from segtrt.data.layout import KAGGLE, Item, Layout
from segtrt.data.listing import list_items

LABELS = Labels.of({255: "tumour"})
VALUES = np.random.default_rng(4).integers(-900, 900, (4, 20, 24)).astype(np.int16)
MAP = (VALUES > 300).astype(np.uint8)


def only(root: Path, *layout: str) -> Item:
    (item,) = list_items(root, Layout(*layout)).items
    return item


def test_kaggle_masks_keep_name_format_and_values(tmp_path: Path) -> None:
    two(tmp_path / "data", number=lambda n: f"{n:03d}")
    item = list_items(tmp_path / "data", KAGGLE).items[0]
    path = write_mask(blob(3) // 255, item, tmp_path / "out", LABELS)
    assert path == tmp_path / "out/pat_a/pat_a_006_mask.tif"
    with Pillow.open(path) as picture:
        assert (picture.format, picture.mode) == ("TIFF", "L")
        np.testing.assert_array_equal(np.array(picture), blob(3))
    np.testing.assert_array_equal(read_mask(path, LABELS), blob(3) // 255)
    content = path.read_bytes()
    write_mask(blob(3) // 255, item, tmp_path / "out", LABELS)
    assert path.read_bytes() == content
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


def test_pictures_without_masks(tmp_path: Path) -> None:
    flat(tmp_path, 1)
    Pillow.fromarray(colours(1)).save(tmp_path / "a.jpg")
    Pillow.fromarray(colours(1)).save(tmp_path / "b.TIF")
    for item, name in (
        (only(tmp_path, "images/{item}.png"), "images/1.png"),
        (only(tmp_path, "{item}.jpg"), "a.png"),
        (only(tmp_path, "{item}.TIF"), "b.TIF"),
    ):
        assert output_name(item) == name
        path = write_mask(blob(2) // 255, item, tmp_path / "out", LABELS)
        np.testing.assert_array_equal(np.array(Pillow.open(path)), blob(2))


def test_values_above_255_in_png_and_npy(tmp_path: Path) -> None:
    labels = Labels.of({7: "a", 1000: "b"})
    classes = np.random.default_rng(0).integers(0, 3, (20, 24)).astype(np.uint8)
    values = np.array([0, 7, 1000], np.uint16)[classes]
    (tmp_path / "i").mkdir()
    np.save(tmp_path / "i/1.npy", np.zeros((20, 24), np.float32))
    (tmp_path / "m").mkdir()
    Pillow.fromarray(values).save(tmp_path / "m/1.png")
    item = only(tmp_path, "i/{item}.npy", "m/{item}.png")
    path = write_mask(classes, item, tmp_path / "out", labels)
    np.testing.assert_array_equal(np.array(Pillow.open(path)), values)
    path = write_mask(classes, only(tmp_path, "i/{item}.npy"), tmp_path / "out", labels)
    np.testing.assert_array_equal(np.load(path), values)


def test_a_stack_of_pages(tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "1.tif", VALUES.astype(np.uint16), photometric="minisblack")
    path = write_mask(MAP, only(tmp_path, "{item}.tif"), tmp_path / "out", LABELS)
    np.testing.assert_array_equal(tifffile.imread(path), MAP * 255)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".mhd", ".nrrd"])
@pytest.mark.parametrize("masks", [None, "seg/{subject}"])
def test_volumes_lie_over_their_images(suffix: str, masks: str | None, tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(VALUES)
    image.SetSpacing((0.5, 0.75, 3.0))
    image.SetOrigin((-10.0, 20.0, 30.0))
    image.SetDirection((0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, -1))
    for folder, values in (
        ("ct", image),
        ("seg", SimpleITK.Cast(image > 900, SimpleITK.sitkUInt8)),
    ):
        (tmp_path / folder).mkdir()
        SimpleITK.WriteImage(values, str(tmp_path / f"{folder}/p{suffix}"))
    item = only(tmp_path, f"ct/{{subject}}{suffix}", *([masks + suffix] if masks else []))
    path = write_mask(MAP, item, tmp_path / "out", LABELS)
    assert path.relative_to(tmp_path / "out").as_posix() == (item.mask or item.images[0])
    written = SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(written), MAP * 255)
    assert written.GetPixelID() == SimpleITK.sitkUInt8
    for name in ("GetSpacing", "GetOrigin", "GetDirection", "GetSize"):
        np.testing.assert_allclose(getattr(written, name)(), getattr(image, name)(), atol=1e-5)
    content = path.read_bytes()
    write_mask(MAP, item, tmp_path / "out", LABELS)
    assert path.read_bytes() == content
    assert not [p for p in path.parent.iterdir() if p.is_dir()]


def test_nifti_keeps_nibabels_affine(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    affine = np.array([[-0.5, 0, 0, 7], [0, 0, -3.0, 8], [0, 0.75, 0, 9], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(VALUES.T, affine), tmp_path / "p.nii.gz")
    item = only(tmp_path, "{subject}.nii.gz")
    assert read_item(item, LABELS)[0].size == VALUES.shape
    written = nibabel.load(write_mask(MAP, item, tmp_path / "out", LABELS))
    np.testing.assert_allclose(written.affine, affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(written.dataobj), MAP.T * 255)


def test_a_series_gets_nifti(tmp_path: Path) -> None:
    write_series(tmp_path / "p/ct", VALUES, [(1.0, 2.0, 3.0 * n) for n in range(4)])
    item = only(tmp_path, "{subject}/{item}/")
    path = write_mask(MAP, item, tmp_path / "out", LABELS)
    assert path == tmp_path / "out/p/ct.nii.gz"
    written = SimpleITK.ReadImage(str(path))
    np.testing.assert_allclose(written.GetSpacing(), (0.5, 0.75, 3.0))
    np.testing.assert_allclose(written.GetOrigin(), (1, 2, 0))


def test_channels_and_series_of_one_volume(tmp_path: Path) -> None:
    four = SimpleITK.GetImageFromArray(np.stack([VALUES, VALUES]), isVector=False)
    SimpleITK.WriteImage(four, str(tmp_path / "p.nii.gz"))
    path = write_mask(MAP, only(tmp_path, "{subject}.nii.gz"), tmp_path / "out", LABELS)
    assert SimpleITK.ReadImage(str(path)).GetSize() == (24, 20, 4)
    for n in range(2):
        volume(tmp_path / f"c/q_{n}.nii.gz", VALUES)
    item = only(tmp_path, "c/{subject}_{channel}.nii.gz")
    assert write_mask(MAP, item, tmp_path / "out", LABELS) == tmp_path / "out/c/q.nii.gz"


def test_another_size_is_the_callers_mistake(tmp_path: Path) -> None:
    volume(tmp_path / "p.nii.gz", VALUES)
    with pytest.raises(ValueError, match="expected, got"):
        write_mask(MAP[1:], only(tmp_path, "{subject}.nii.gz"), tmp_path / "out", LABELS)
