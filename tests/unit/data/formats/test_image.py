"""Turning pictures upright, and comparing places."""

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps
from segtrt.data.formats.image import Geometry, Image, upright


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_as_pillow_does(orientation: int) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture = Pillow.fromarray(pixels)
    picture.getexif()[274] = orientation
    expected = np.array(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(upright(pixels, orientation), expected)
    stack = np.stack([pixels, pixels + 1])
    np.testing.assert_array_equal(upright(stack, orientation)[1], expected + 1)


def test_size_is_without_channels() -> None:
    assert Image(np.zeros((3, 5, 6, 7))).size == (5, 6, 7)


IDENTITY = (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
PLACE = Geometry((2.0, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (PLACE, None),
        (Geometry((2.0, 1.0, 1.0), (0.05, 0.0, 0.0), IDENTITY), None),
        (Geometry((2.1, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY), "spacing (2.1, 1, 1) mm instead"),
        (Geometry((2.0, 1.0, 1.0), (0.5, 0.0, 0.0), IDENTITY), "origin (0.5, 0, 0)"),
        (Geometry((2.0, 1.0, 1.0), (0.0, 0.0, 0.0), (-1.0, *IDENTITY[1:])), "direction (-1, "),
        (Geometry((1.0, 1.0), (0.0, 0.0), (1.0, 0, 0, 1)), "2 axes instead of 3"),
    ],
)
def test_places_that_differ(other: Geometry, message: str | None) -> None:
    found = PLACE.differs(other, (10, 20, 30))
    assert found is None if message is None else message in (found or "")
