"""PNG and JPEG against Pillow and SimpleITK."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image as Pillow
from segtrt.data.formats.pictures import read_picture
from segtrt.errors import SegtrtError

RGB = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "1"])
def test_modes(mode: str, tmp_path: Path) -> None:
    picture = Pillow.fromarray(RGB).convert(mode)
    picture.save(tmp_path / "a.png")
    image = read_picture(tmp_path / "a.png")
    expected = np.atleast_3d(np.array(picture)).transpose(2, 0, 1)
    np.testing.assert_array_equal(image.array, expected)
    assert image.array.dtype == np.uint8
    assert image.geometry is None


def test_palette_as_colours_or_indices(tmp_path: Path) -> None:
    picture = Pillow.fromarray(RGB).quantize(8)
    picture.save(tmp_path / "a.png")
    colours = read_picture(tmp_path / "a.png").array
    np.testing.assert_array_equal(colours.transpose(1, 2, 0), np.array(picture.convert("RGB")))
    indices = read_picture(tmp_path / "a.png", indices=True).array
    np.testing.assert_array_equal(indices[0], np.array(picture))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_16_bits(shape: tuple[int, ...], tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(0, 2**16, shape).astype(np.uint16)
    made = SimpleITK.GetImageFromArray(values, isVector=len(shape) == 3)
    SimpleITK.WriteImage(made, str(tmp_path / "a.png"))
    image = read_picture(tmp_path / "a.png").array
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, np.moveaxis(np.atleast_3d(values), -1, 0))


def test_16_bits_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    made = SimpleITK.GetImageFromArray(np.zeros((5, 7, 2), np.uint16), isVector=True)
    SimpleITK.WriteImage(made, str(tmp_path / "a.png"))
    with pytest.raises(SegtrtError, match="16 bits of grey and transparency"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_orientation(suffix: str, tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(16), 8 * np.arange(24)).astype(np.uint8)
    exif = Pillow.Exif()
    exif[274] = 6
    Pillow.fromarray(smooth).save(tmp_path / f"a{suffix}", exif=exif, quality=95)
    image = read_picture(tmp_path / f"a{suffix}")
    assert (image.size, image.orientation) == ((24, 16), 6)
    assert np.abs(image.array[0].astype(int) - np.rot90(smooth, -1)).max() <= 4


def test_jpeg(tmp_path: Path) -> None:
    Pillow.fromarray(RGB).save(tmp_path / "a.jpg")
    expected = np.array(Pillow.open(tmp_path / "a.jpg"))
    np.testing.assert_array_equal(
        read_picture(tmp_path / "a.jpg").array, expected.transpose(2, 0, 1)
    )
    Pillow.fromarray(RGB).convert("CMYK").save(tmp_path / "b.jpg")
    with pytest.raises(SegtrtError, match="pixels of type CMYK"):
        read_picture(tmp_path / "b.jpg")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_cut_short(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    Pillow.fromarray(RGB.repeat(9, 0).repeat(9, 1)).save(path)
    content = path.read_bytes()
    for kept in (len(content) // 2, len(content) - 20, 40):
        path.write_bytes(content[:kept])
        with pytest.raises(SegtrtError, match="is damaged or cut short"):
            read_picture(path)
