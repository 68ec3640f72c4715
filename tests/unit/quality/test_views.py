"""Which planes pictures may show, and their outlines."""

import numpy as np
from segtrt.data.labels import IGNORED
from segtrt.quality.outlines import outline
from segtrt.quality.views import (
    MOST_FLIPPED,
    MOST_TELLING,
    foreground,
    informative_planes,
    kept_planes,
    outlines_of,
    planes_of,
)


def test_a_2d_item_is_one_plane_and_ignored_pixels_are_no_foreground():
    grid = np.array([[0, 1, 2], [IGNORED, 0, 3]], np.uint8)
    assert planes_of(grid).shape == (1, 2, 3)
    assert foreground(planes_of(grid)).tolist() == [3]


def test_planes_where_something_lies_are_spread_with_the_fullest_among_them():
    counts = np.zeros(200, np.int64)
    counts[20:120] = 5
    counts[33] = 50
    planes = informative_planes(counts)
    assert len(planes) <= MOST_TELLING + 1
    assert (planes[0], planes[-1], 33 in planes) == (20, 119, True)
    assert informative_planes(np.array([0, 3, 0, 1])) == [1, 3]
    assert informative_planes(np.zeros(3, np.int64)) == [0, 1, 2]


def test_planes_where_an_engine_differs_are_kept_too():
    counts = np.array([0, 3, 0, 0, 0])
    assert kept_planes(counts, np.array([0, 0, 0, 7, 0])) == [1, 3]
    many = kept_planes(np.array([1] + [0] * 99), np.arange(100))
    assert many == [0, *range(100 - MOST_FLIPPED, 100)]


def test_each_class_has_an_outline_of_its_own():
    plane = np.zeros((40, 40), np.uint8)
    plane[2:10, 2:10], plane[20:30, 20:30], plane[35:, 35:] = 1, 3, IGNORED
    assert outlines_of(plane) == {"1": outline(plane == 1), "3": outline(plane == 3)}


def test_outlines_of_a_plane_are_bounded_together():
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 20, (200, 200), np.uint8)
    assert sum(map(len, outlines_of(plane).values())) <= 6000
