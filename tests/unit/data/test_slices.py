"""Listed slices: what changed since they were listed is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from segtrt.data.manifest import SliceEntry
from segtrt.data.slices import read_image, read_slice
from segtrt.errors import SegtrtError

PIXELS = np.random.default_rng(3).integers(0, 256, (256, 256, 3), np.uint8)
MASK = np.where(PIXELS[..., 0] > 99, 255, 0).astype(np.uint8)


@pytest.fixture
def entry(tmp_path: Path) -> SliceEntry:
    (tmp_path / "S1").mkdir()
    files = {"S1/S1_2.tif": PIXELS, "S1/S1_2_mask.tif": MASK}
    for name, pixels in files.items():
        Image.fromarray(pixels).save(tmp_path / name)
    hashes = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in files]
    return SliceEntry(2, *files, *hashes)


def test_a_slice_is_read_as_it_was_listed(entry: SliceEntry, tmp_path: Path) -> None:
    image, mask = read_slice(tmp_path, entry)
    np.testing.assert_array_equal(image, PIXELS)
    np.testing.assert_array_equal(mask, MASK)
    np.testing.assert_array_equal(read_image(tmp_path, entry), PIXELS)


def test_a_mask_that_changed_is_refused(entry: SliceEntry, tmp_path: Path) -> None:
    path = tmp_path / entry.mask
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(SegtrtError, match=r"S1/S1_2_mask\.tif changed since it was listed"):
        read_slice(tmp_path, entry)


def test_an_image_that_changed_or_went_is_refused(entry: SliceEntry, tmp_path: Path) -> None:
    path = tmp_path / entry.image
    Image.fromarray(PIXELS[::-1]).save(path)
    for read in (read_image, read_slice):
        with pytest.raises(SegtrtError, match=r"S1/S1_2\.tif changed since it was listed"):
            read(tmp_path, entry)
    path.unlink()
    with pytest.raises(SegtrtError, match=r"S1_2\.tif cannot be read"):
        read_slice(tmp_path, entry)
