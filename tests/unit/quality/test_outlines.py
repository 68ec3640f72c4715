"""Outlines drawn back to masks give the masks again, up to the simplification."""

import re

import numpy as np
import pytest
from PIL import Image, ImageDraw
from segtrt.quality.outlines import SCALE, outline, simplify


def drawn(path, size=256):
    """Fill a path, piece by piece; overlapping pieces cancel, as holes do."""
    mask = np.zeros((size, size), bool)
    for piece in re.findall(r"M[^z]*z", path):
        start, steps = piece[1:-1].split("l")
        x, y = map(int, start.split())
        points = [(x, y)]
        numbers = [int(n) for n in re.findall(r"-?\d+", steps)]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + dx, y + dy
            points.append((x, y))
        image = Image.new("1", (size * SCALE, size * SCALE))
        ImageDraw.Draw(image).polygon(points, fill=1)
        mask ^= np.asarray(image)[::SCALE, ::SCALE]
    return mask


def disc(row, column, radius):
    y, x = np.mgrid[:256, :256]
    return np.hypot(y - row, x - column) < radius


@pytest.mark.parametrize(
    "mask",
    [
        disc(100, 120, 30),
        disc(0, 0, 40),
        disc(255, 255, 25),
        disc(80, 80, 40) & ~disc(80, 80, 20),
        disc(60, 60, 20) | disc(180, 200, 30),
        np.ones((256, 256), bool),
    ],
    ids=["disc", "corner", "other corner", "ring", "two", "full"],
)
def test_an_outline_encloses_its_mask(mask):
    again = drawn(outline(mask)) != 0
    assert 2 * (again & mask).sum() / (again.sum() + mask.sum()) > 0.96


def test_an_empty_mask_has_no_outline():
    assert outline(np.zeros((256, 256), np.uint8)) == ""


def test_a_single_pixel_is_kept_in_its_place():
    mask = np.zeros((256, 256), np.uint8)
    mask[7, 9] = 255
    numbers = re.match(r"M(\d+) (\d+)l", outline(mask))
    column, row = (int(number) / SCALE for number in numbers.groups())
    assert abs(column - 9.5) <= 0.5
    assert abs(row - 7.5) <= 0.5


def test_a_speckled_mask_stays_small():
    mask = np.random.default_rng(0).random((256, 256)) < 0.3
    assert 0 < len(outline(mask)) <= 6000


def test_simplified_lines_stay_within_the_tolerance_and_keep_their_ends():
    angle = np.linspace(0, 2 * np.pi, 200)
    points = np.stack([40 * np.cos(angle), 40 * np.sin(angle)], axis=1)
    points[-1] = points[0]
    few = simplify(points, 0.5)
    assert 8 < len(few) < 60
    assert np.array_equal(few[0], points[0])
    assert np.array_equal(few[-1], points[-1])
    # Between two kept points of a circle the chord is farthest off in its middle.
    middles = (few[:-1] + few[1:]) / 2
    assert np.all(40 - np.hypot(*middles.T) <= 0.5)


def test_a_straight_line_there_and_back_keeps_its_ends():
    points = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [1.5, 0], [0, 0]], float)
    assert simplify(points, 0.1).tolist() == [[0, 0], [3, 0], [0, 0]]
