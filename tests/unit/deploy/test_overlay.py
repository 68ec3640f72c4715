"""A mask drawn over its image."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from segtrt.deploy.overlay import overlay_png


def pixels(image: NDArray[Any], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(overlay_png(image, labels))) as drawn:
        return np.array(drawn)


def test_pixels_outside_the_mask_are_the_image_s() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 20, 30), np.uint8)
    labels = np.zeros((20, 30), np.uint8)
    np.testing.assert_array_equal(pixels(image, labels), np.moveaxis(image, 0, -1))
    labels[5:12, 5:12] = 1
    labels[15:18, 20:25] = 2
    drawn = pixels(image, labels)
    outside = labels == 0
    np.testing.assert_array_equal(drawn[outside], np.moveaxis(image, 0, -1)[outside])
    edges = {tuple(drawn[5, 5]), tuple(drawn[15, 20])}
    assert len(edges) == 2
    assert len(np.unique(drawn[5, 5:12], axis=0)) == 1
    assert len(np.unique(drawn[8, 6:11], axis=0)) > 1


def test_of_a_volume_the_plane_with_most_foreground_is_drawn() -> None:
    image = np.arange(5, dtype=np.int16)[np.newaxis, :, np.newaxis, np.newaxis] * np.ones(
        (1, 5, 8, 8), np.int16
    )
    labels = np.zeros((5, 8, 8), np.uint8)
    labels[3, 2:6, 2:6], labels[1, 4, 4] = 1, 1
    np.testing.assert_array_equal(pixels(image, labels), pixels(image[:, 3], labels[3]))
    np.testing.assert_array_equal(pixels(image, labels * 0), pixels(image[:, 2], labels[2] * 0))


def test_other_images_are_stretched_to_grey() -> None:
    image = np.linspace(-1000, 3000, 400, dtype=np.float32).reshape(1, 20, 20)
    drawn = pixels(image, np.zeros((20, 20), np.uint8))
    assert drawn.min() == 0 and drawn.max() == 255
    assert (drawn[..., 0] == drawn[..., 2]).all()
    # Pixels that no figure counted bear no colour.
    np.testing.assert_array_equal(pixels(image, np.full((20, 20), 255, np.uint8)), drawn)
