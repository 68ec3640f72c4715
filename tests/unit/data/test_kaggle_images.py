"""Image files of the Kaggle data set against another reader, and every damage by itself."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from segtrt.data.kaggle_images import decode_image, decode_mask, read_bytes
from segtrt.data.kaggle_layout import pair_slices
from segtrt.errors import SegtrtError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (256, 256, 3), np.uint8)
MASK = np.where(PIXELS[..., 0] > 200, 255, 0).astype(np.uint8)


def read_image(path: Path) -> NDArray[np.uint8]:
    return decode_image(read_bytes(path), path)


def read_mask(path: Path) -> NDArray[np.uint8]:
    return decode_mask(read_bytes(path), path)


def test_real_pixels_agree_with_another_reader(kaggle_folder: Path) -> None:
    import tifffile

    folder = next(path for path in sorted(kaggle_folder.iterdir()) if path.is_dir())
    for image, mask in list(pair_slices(folder).values())[8:11]:
        np.testing.assert_array_equal(read_image(image), tifffile.imread(image))
        np.testing.assert_array_equal(read_mask(mask), tifffile.imread(mask))


@pytest.mark.parametrize("compression", [None, "tiff_deflate", "tiff_lzw"])
def test_compressions(tmp_path: Path, compression: str | None) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.tif", compression=compression)
    Image.fromarray(MASK).save(tmp_path / "m.tif", compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), PIXELS)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), MASK)
    assert read_image(tmp_path / "a.tif").flags.writeable


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_damage_to_a_real_header_is_told_in_one_line(kaggle_folder: Path) -> None:
    """Bytes changed in the tags give an image, or a SegtrtError; nothing else."""
    path = next(kaggle_folder.glob("*/*_1.tif"))
    content = bytearray(path.read_bytes())
    tags = struct.unpack("<I" if content[:2] == b"II" else ">I", content[4:8])[0]
    for _ in range(150):
        damaged = bytearray(content)
        damaged[tags + int(RNG.integers(0, 150))] = int(RNG.integers(0, 256))
        try:
            assert decode_image(bytes(damaged), path).shape == (256, 256, 3)
        except SegtrtError as error:
            assert path.name in str(error)


def test_missing_file_of_a_slice(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"gone\.tif cannot be read"):
        read_image(tmp_path / "gone.tif")


def test_real_images_and_masks_have_their_shape_and_range(kaggle_folder: Path) -> None:
    folder = next(path for path in sorted(kaggle_folder.iterdir()) if path.is_dir())
    pairs = pair_slices(folder)
    image, mask = read_image(pairs[11][0]), read_mask(pairs[11][1])
    assert image.shape == (256, 256, 3)
    assert image.dtype == np.uint8
    assert image.max() > 100
    assert mask.shape == (256, 256)
    assert set(np.unique(mask)) <= {0, 255}
    assert any(read_mask(path).any() for _, path in pairs.values())
