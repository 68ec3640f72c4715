"""Resizing against PyTorch and against plain sums; padding against its inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from segtrt.data.resampling import nearest_index, place_centred, resize

SIZES = st.integers(1, 12)


@given(st.lists(st.tuples(SIZES, SIZES), min_size=2, max_size=3), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_linear_equals_torch(sizes: list[tuple[int, int]], seed: int) -> None:
    import torch

    old, new = zip(*sizes, strict=True)
    values = np.random.default_rng(seed).normal(size=(2, *old)).astype(np.float32)
    mode = "bilinear" if len(old) == 2 else "trilinear"
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None], size=new, mode=mode, align_corners=False
    )[0].numpy()
    resized = resize(values, new, "linear")
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, expected, atol=1e-5)


def averaged(values: NDArray[np.float64], new: int) -> list[float]:
    """The mean over each stretch, old pixel by old pixel."""
    old = len(values)
    means = []
    for index in range(new):
        begin, end = index * old / new, (index + 1) * old / new
        parts = [max(0.0, min(end, j + 1) - max(begin, j)) for j in range(old)]
        means.append(sum(p * v for p, v in zip(parts, values, strict=True)) / (end - begin))
    return means


@given(SIZES, SIZES, st.integers(0, 99))
def test_area_is_the_mean_of_what_a_pixel_covers(old: int, new: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=old)
    resized = resize(np.stack([values, 2 * values]), (new,), "area")
    np.testing.assert_allclose(resized[0], averaged(values, new), atol=1e-5)
    np.testing.assert_allclose(resized[1], 2 * resized[0], atol=1e-5)


def test_area_of_uint8_does_not_overflow() -> None:
    assert resize(np.full((6, 6), 255, np.uint8), (2, 3), "area").tolist() == [[255] * 3] * 2


@given(SIZES, SIZES)
def test_nearest_is_the_pixel_that_covers_the_centre(old: int, new: int) -> None:
    from fractions import Fraction

    expected = [int((Fraction(i) + Fraction(1, 2)) * old / new) for i in range(new)]
    assert nearest_index(old, new).tolist() == expected
    labels = np.arange(old, dtype=np.uint8)
    resized = resize(np.stack([labels, labels]), (new,), "nearest")
    assert resized.dtype == np.uint8
    assert resized.tolist() == [expected, expected]


@pytest.mark.parametrize("method", ["nearest", "linear", "area"])
def test_axes_that_keep_their_length_keep_their_values(method: str) -> None:
    values = np.random.default_rng(1).integers(0, 9, (3, 5, 7)).astype(np.uint8)
    assert resize(values, (5, 7), method) is values  # type: ignore[arg-type]


@given(st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=3))
def test_placing_about_the_middle_is_its_own_inverse(sizes: list[tuple[int, int]]) -> None:
    old, new = zip(*sizes, strict=True)
    values = np.arange(1, 1 + np.prod(old, dtype=int)).reshape(1, *old)
    placed = place_centred(values, new)
    kept = set(placed.ravel()) - {0}
    assert len(kept) == np.prod(np.minimum(old, new))
    back = place_centred(placed, old, fill=-1)
    np.testing.assert_array_equal(back, np.where(np.isin(values, list(kept)), values, -1))


def test_an_odd_pixel_goes_to_the_end() -> None:
    assert place_centred(np.array([1, 2]), (5,)).tolist() == [0, 1, 2, 0, 0]
    assert place_centred(np.array([1, 2, 3, 4, 5]), (2,)).tolist() == [2, 3]
