"""Grey-scale pictures, read back by another library."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from segtrt.cli.picture import grey_levels, write_pgm, write_png


def test_levels_run_from_black_to_white():
    values = np.array([0.0, 0.001, 0.002, 0.5, 0.998, 1.0], np.float32)
    assert grey_levels(values).tolist() == [0, 0, 1, 128, 254, 255]
    assert grey_levels(values).dtype == np.uint8


def test_values_outside_are_clipped_and_no_number_is_black():
    values = np.array([-0.5, 1.7, np.nan, np.inf, -np.inf], np.float32)
    assert grey_levels(values).tolist() == [0, 255, 0, 255, 0]


@pytest.mark.parametrize(("write", "kind"), [(write_pgm, "PPM"), (write_png, "PNG")])
def test_picture_reads_back(write, kind, tmp_path: Path):
    rng = np.random.default_rng(0)
    probabilities = rng.random((5, 7), np.float32)
    write(tmp_path / "a", probabilities)
    with Image.open(tmp_path / "a") as picture:
        assert (picture.format, picture.mode, picture.size) == (kind, "L", (7, 5))
        assert np.array_equal(np.asarray(picture), grey_levels(probabilities))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_pgm_header_is_the_plain_one(tmp_path: Path):
    write_pgm(tmp_path / "a.pgm", np.zeros((256, 256), np.float32))
    content = (tmp_path / "a.pgm").read_bytes()
    assert content == b"P5\n256 256\n255\n" + bytes(65536)
