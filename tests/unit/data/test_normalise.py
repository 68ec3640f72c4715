"""Normalisation of one slice against the direct computation with NumPy and scikit-image."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image
from segtrt.data.normalise import histogram_percentile, normalise_slice, rescale_table, slice_tables

IMAGES = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)),
    elements=st.integers(0, 255),
)


def stretched_directly(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from skimage.exposure import rescale_intensity

    return rescale_intensity(image, in_range=(np.percentile(image, 10), np.percentile(image, 99)))


def normalised_directly(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    stretched = stretched_directly(image)
    deviation = stretched.std()
    if np.percentile(image, 10) == np.percentile(image, 99):
        return np.zeros((3, *image.shape[:2]))
    return ((stretched - stretched.mean()) / deviation).transpose(2, 0, 1)


def check(image: NDArray[np.uint8]) -> None:
    stretched, _ = slice_tables(image)
    np.testing.assert_array_equal(stretched[image], stretched_directly(image))
    normalised = normalise_slice(image)
    assert normalised.dtype == np.float32
    assert normalised.shape == (3, *image.shape[:2])
    assert normalised.flags.c_contiguous
    np.testing.assert_allclose(normalised, normalised_directly(image), rtol=1e-6, atol=1e-6)


@given(IMAGES, st.sampled_from([0, 1, 10, 33.3, 50, 75, 99, 100]))
@settings(deadline=None)
def test_percentile_has_numpys_bits(image: NDArray[np.uint8], percent: float) -> None:
    counts = np.bincount(image.reshape(-1), minlength=256)
    assert histogram_percentile(counts, percent) == np.percentile(image, percent)


@given(IMAGES)
@settings(max_examples=200, deadline=None)
def test_any_slice_equals_the_direct_computation(image: NDArray[np.uint8]) -> None:
    check(image)


@given(st.integers(0, 2**32 - 1), st.integers(1, 256), st.integers(0, 255))
@settings(max_examples=25, deadline=None)
def test_full_size_slices_equal_the_direct_computation(seed: int, span: int, base: int) -> None:
    rng = np.random.default_rng(seed)
    check(rng.integers(base, min(256, base + span), (256, 256, 3), dtype=np.uint8))


@given(st.floats(0, 255), st.floats(0, 255))
@settings(deadline=None)
def test_rescale_table_equals_scikit_image(first: float, second: float) -> None:
    from skimage.exposure import rescale_intensity

    low, high = sorted((first, second))
    values = np.arange(256, dtype=np.uint8)
    if high - low < 1e-300:  # scikit-image divides by it too, and overflows
        low = high
    expected = rescale_intensity(values, in_range=(low, high))
    np.testing.assert_array_equal(rescale_table(low, high), expected)


def test_every_real_slice_has_the_direct_computations_bits(kaggle_folder: Path) -> None:
    paths = sorted(p for p in kaggle_folder.glob("*/*.tif") if not p.stem.endswith("_mask"))
    assert len(paths) > 100
    for path in paths:
        image = np.array(Image.open(path))
        stretched, _ = slice_tables(image)
        np.testing.assert_array_equal(stretched[image], stretched_directly(image))
        direct = normalised_directly(image).astype(np.float32)
        np.testing.assert_array_equal(normalise_slice(image), direct)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_constant_slice_becomes_zeros(value: int) -> None:
    image = np.full((8, 8, 3), value, np.uint8)
    assert not normalise_slice(image).any()


def test_slice_whose_percentiles_agree_becomes_zeros() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[0, 0] = 255  # fewer than 1 % of the values
    assert not normalise_slice(image).any()


def test_mean_is_zero_and_variance_one() -> None:
    image = np.random.default_rng(5).integers(0, 200, (256, 256, 3), dtype=np.uint8)
    normalised = normalise_slice(image).astype(np.float64)
    assert abs(normalised.mean()) < 1e-6
    assert normalised.std() == pytest.approx(1, abs=1e-6)
