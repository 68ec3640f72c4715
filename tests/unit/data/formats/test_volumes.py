"""Volumes written by SimpleITK and nibabel, read with their place."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from segtrt.data.formats.kinds import Format
from segtrt.data.formats.volumes import read_geometry, read_volume
from segtrt.errors import SegtrtError

RNG = np.random.default_rng(5)
VALUES = RNG.integers(-900, 900, (4, 5, 6)).astype(np.int16)
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, -1.0]])
FORMATS = {
    "a.nii": Format.NIFTI, "a.nii.gz": Format.NIFTI, "a.mha": Format.META, "a.mhd": Format.META,
    "a.nrrd": Format.NRRD, "a.nhdr": Format.NRRD,
}  # fmt: skip


def written(path: Path, values: np.ndarray = VALUES, **options: object) -> Path:
    image = SimpleITK.GetImageFromArray(values, **options)
    if image.GetDimension() == 3:
        image.SetSpacing((0.5, 0.75, 3.0))
        image.SetOrigin((-10.0, 20.0, 30.0))
        image.SetDirection(TURN.ravel().tolist())
    SimpleITK.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_pixels_and_place(name: str, tmp_path: Path) -> None:
    image = read_volume(written(tmp_path / name), FORMATS[name])
    assert image.array.dtype == np.int16
    np.testing.assert_array_equal(image.array, VALUES[np.newaxis])
    assert image.geometry is not None
    np.testing.assert_allclose(image.geometry.spacing, (3.0, 0.75, 0.5), rtol=1e-6)
    np.testing.assert_allclose(image.geometry.origin, (-10, 20, 30), rtol=1e-6)
    np.testing.assert_allclose(image.geometry.direction, TURN.ravel(), atol=1e-6)
    size, geometry = read_geometry(tmp_path / name, FORMATS[name])
    assert size == (4, 5, 6)
    assert image.geometry.differs(geometry, size) is None


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_nibabel_writes_the_same(dtype: str, tmp_path: Path) -> None:
    """Its axes are x, y, z and its millimetres point right, anterior, superior."""
    nibabel = pytest.importorskip("nibabel")
    values = RNG.integers(0, 99, (6, 5, 4)).astype(dtype)
    affine = np.array([[-0.5, 0, 0, 7], [0, 0.75, 0, 8], [0, 0, 3, 9], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    image = read_volume(tmp_path / "a.nii.gz", Format.NIFTI)
    assert image.array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.array[0], values.T)
    assert image.geometry is not None
    np.testing.assert_allclose(image.geometry.spacing, (3, 0.75, 0.5))
    np.testing.assert_allclose(image.geometry.origin, (-7, -8, 9))
    np.testing.assert_allclose(image.geometry.direction, (1, 0, 0, 0, -1, 0, 0, 0, 1))


def test_scaled_values(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    values = RNG.integers(0, 99, (6, 5, 4)).astype(np.int16)
    made = nibabel.Nifti1Image(values, np.eye(4))
    made.header.set_slope_inter(0.5, -3)
    nibabel.save(made, tmp_path / "a.nii.gz")
    expected = np.asarray(nibabel.load(tmp_path / "a.nii.gz").dataobj)
    image = read_volume(tmp_path / "a.nii.gz", Format.NIFTI)
    np.testing.assert_allclose(image.array[0], expected.T)
    nibabel.save(nibabel.Nifti2Image(values, np.eye(4)), tmp_path / "b.nii.gz")
    with pytest.raises(SegtrtError, match="is NIfTI-2, expected NIfTI-1"):
        read_volume(tmp_path / "b.nii.gz", Format.NIFTI)


def test_a_fourth_axis_and_vectors_are_channels(tmp_path: Path) -> None:
    four = RNG.integers(0, 99, (2, 4, 5, 6)).astype(np.int16)
    image = read_volume(written(tmp_path / "a.nii.gz", four, isVector=False), Format.NIFTI)
    np.testing.assert_array_equal(image.array, four)
    assert image.geometry is not None
    assert len(image.geometry.spacing) == 3
    vector = np.moveaxis(four, 0, -1)
    image = read_volume(written(tmp_path / "a.mha", vector, isVector=True), Format.META)
    np.testing.assert_array_equal(image.array, four)


def test_images_of_two_axes(tmp_path: Path) -> None:
    image = read_volume(written(tmp_path / "a.nrrd", VALUES[0]), Format.NRRD)
    np.testing.assert_array_equal(image.array, VALUES[:1])


@pytest.mark.parametrize("name", FORMATS)
def test_cut_short(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name)
    data = next((p for p in (tmp_path / "a.raw", tmp_path / "a.zraw") if p.exists()), path)
    content = data.read_bytes()
    for kept in (len(content) - 30, len(content) // 2):
        data.write_bytes(content[:kept])
        with pytest.raises(SegtrtError, match="cut short"):
            read_volume(path, FORMATS[name])


def test_a_changed_byte_of_packed_data(tmp_path: Path) -> None:
    path = written(tmp_path / "a.nii.gz", RNG.integers(0, 2**15, (9, 30, 30)).astype(np.int16))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(SegtrtError, match="damaged or cut short"):
        read_volume(path, Format.NIFTI)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    sheared = np.eye(4)
    sheared[0, 1] = 0.7
    nibabel.save(nibabel.Nifti1Image(VALUES, sheared), tmp_path / "a.nii")
    with pytest.raises(SegtrtError, match="at right angles"):
        read_volume(tmp_path / "a.nii", Format.NIFTI)
    nibabel.save(nibabel.Nifti1Image(VALUES.astype(np.complex64), np.eye(4)), tmp_path / "b.nii")
    with pytest.raises(SegtrtError, match="has complex pixels"):
        read_volume(tmp_path / "b.nii", Format.NIFTI)


def test_data_of_another_name(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mhd")
    path.write_text(path.read_text().replace("a.raw", "b.raw").replace("a.zraw", "b.raw"))
    with pytest.raises(SegtrtError, match=r"has its data in 'b.raw', expected a.raw or a.zraw"):
        read_volume(path, Format.META)


def test_two_files_packed_into_one(tmp_path: Path) -> None:
    """As parallel packers write: members, one after another."""
    content = written(tmp_path / "a.nii").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content[:400]) + gzip.compress(content[400:]))
    image = read_volume(tmp_path / "a.nii.gz", Format.NIFTI)
    np.testing.assert_array_equal(image.array[0], VALUES)
