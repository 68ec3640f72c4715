"""TIFF in every type, order and compression, written by tifffile, Pillow and SimpleITK."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import tifffile
from PIL import Image as Pillow
from segtrt.data.formats.image import upright
from segtrt.data.formats.tiff import read_tiff
from segtrt.errors import SegtrtError

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(9, 11), (9, 11, 3), (9, 11, 4), (5, 9, 11), (5, 9, 11, 3)])
def test_types(shape: tuple[int, ...], dtype: str, compression: str | None, tmp_path: Path) -> None:
    values = RNG.integers(0, 200, shape).astype(dtype)
    colour = shape[-1] in (3, 4)
    tifffile.imwrite(
        tmp_path / "a.tif",
        values,
        photometric="rgb" if colour else "minisblack",
        compression=compression,
    )
    image = read_tiff(tmp_path / "a.tif")
    expected = np.moveaxis(values, -1, 0) if colour else values[np.newaxis]
    assert image.array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.array, expected)


@pytest.mark.parametrize("shape", [(9, 11), (9, 11, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_lzw(shape: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    """Which tifffile does not decode by itself."""
    values = RNG.integers(0, 250, shape).astype(dtype)
    made = SimpleITK.GetImageFromArray(values, isVector=len(shape) == 3)
    SimpleITK.WriteImage(made, str(tmp_path / "a.tif"), useCompression=True, compressor="LZW")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].compression == 5
    image = read_tiff(tmp_path / "a.tif").array
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, np.moveaxis(np.atleast_3d(values), -1, 0))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "zstd", "packbits"])
def test_pages_in_any_compression(compression: str, tmp_path: Path) -> None:
    values = RNG.integers(0, 256, (3, 9, 11, 3)).astype(np.uint8)
    first, *others = [Pillow.fromarray(page) for page in values]
    first.save(tmp_path / "a.tif", save_all=True, append_images=others, compression=compression)
    np.testing.assert_array_equal(read_tiff(tmp_path / "a.tif").array, np.moveaxis(values, -1, 0))


def test_group_4_and_single_bits(tmp_path: Path) -> None:
    bits = RNG.integers(0, 2, (9, 11)).astype(bool)
    for compression in (None, "group4"):
        Pillow.fromarray(bits).save(tmp_path / "a.tif", compression=compression)
        image = read_tiff(tmp_path / "a.tif").array
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image[0], bits)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("number", "name"), [(50001, "WEBP"), (34712, "JPEG2000"), (34887, "LERC")]
)
def test_other_compressions_are_named(number: int, name: str, dtype: type, tmp_path: Path) -> None:
    """By a file that says so of its compression; its pixels are never reached."""
    values = RNG.integers(0, 250, (9, 11, 3)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", compression="zlib")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[0].tags[259].valueoffset
    content[place : place + 2] = number.to_bytes(2, "little")
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(SegtrtError, match=f"has {name} compression, which cannot be read here"):
        read_tiff(tmp_path / "a.tif")


def test_damaged_lzw_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for values in (RNG.integers(0, 250, (9, 11, 3)).astype(t) for t in (np.uint8, np.uint16)):
        made = SimpleITK.GetImageFromArray(values, isVector=True)
        SimpleITK.WriteImage(made, str(path), useCompression=True, compressor="LZW")
        with tifffile.TiffFile(path) as file:
            place = file.pages[0].dataoffsets[0]
        content = bytearray(path.read_bytes())
        content[place : place + 40] = b"\xff" * 40
        path.write_bytes(content)
        with pytest.raises(SegtrtError, match="is damaged"):
            read_tiff(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_as_zero_is_inverted(dtype: type, tmp_path: Path) -> None:
    values = RNG.integers(0, 250, (9, 11)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    expected = np.iinfo(dtype).max - values
    np.testing.assert_array_equal(read_tiff(tmp_path / "a.tif").array[0], expected)
    tifffile.imwrite(tmp_path / "b.tif", values.astype(np.float32), photometric="miniswhite")
    with pytest.raises(SegtrtError, match="MINISWHITE"):
        read_tiff(tmp_path / "b.tif")


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_palette(compression: str | None, tmp_path: Path) -> None:
    picture = Pillow.fromarray(RNG.integers(0, 256, (9, 11, 3)).astype(np.uint8)).quantize(8)
    picture.save(tmp_path / "a.tif", compression=compression)
    colours = read_tiff(tmp_path / "a.tif").array
    np.testing.assert_array_equal(colours.transpose(1, 2, 0), np.array(picture.convert("RGB")))
    indices = read_tiff(tmp_path / "a.tif", indices=True).array
    np.testing.assert_array_equal(indices[0], np.array(picture))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("wide", [False, True])
def test_orientation(orientation: int, compression: str | None, wide: bool, tmp_path: Path) -> None:
    values = RNG.integers(0, 250, (9, 11)).astype(np.uint16 if wide else np.uint8)
    Pillow.fromarray(values).save(
        tmp_path / "a.tif", compression=compression, tiffinfo={274: orientation}
    )
    image = read_tiff(tmp_path / "a.tif")
    assert image.orientation == orientation
    np.testing.assert_array_equal(image.array[0], upright(values, orientation))


def test_channels_and_slices_of_imagej(tmp_path: Path) -> None:
    values = RNG.integers(0, 256, (4, 2, 9, 11)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True, metadata={"axes": "ZCYX"})
    np.testing.assert_array_equal(read_tiff(tmp_path / "a.tif").array, values.swapaxes(0, 1))
    tifffile.imwrite(tmp_path / "b.tif", values, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(SegtrtError, match="has the axes TZYX"):
        read_tiff(tmp_path / "b.tif")


@pytest.mark.parametrize("bits", [4, 12])
def test_odd_bits_are_not_called_damaged(bits: int, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), np.uint8 if bits == 4 else np.uint16))
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[0].tags[258].valueoffset
    content[place : place + 2] = bits.to_bytes(2, "little")
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(SegtrtError, match=r"cannot be read here .* 8, 16 or 32 bits"):
        read_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cut_anywhere_is_reported(dtype: type, compression: str | None, tmp_path: Path) -> None:
    values = RNG.integers(0, 250, (40, 40)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, compression=compression)
    content = (tmp_path / "a.tif").read_bytes()
    for kept in (5, 20, len(content) // 2, len(content) - 1):
        (tmp_path / "a.tif").write_bytes(content[:kept])
        with pytest.raises(SegtrtError, match="is damaged or cut short"):
            read_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "tiff_lzw"])
def test_floats_with_a_predictor(compression: str, tmp_path: Path) -> None:
    values = RNG.normal(size=(9, 11)).astype(np.float32)
    Pillow.fromarray(values).save(tmp_path / "a.tif", compression=compression, tiffinfo={317: 3})
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].predictor == 3
    np.testing.assert_array_equal(read_tiff(tmp_path / "a.tif").array[0], values)
