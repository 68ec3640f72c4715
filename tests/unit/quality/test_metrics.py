"""Figures against direct computations and against medpy, which defines the component rule."""

import math
import tracemalloc
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from segtrt.quality.metrics import ErrorSums, dice, largest_component, masks_of

VOLUMES = hnp.arrays(np.bool_, st.tuples(*[st.integers(1, 7)] * 3))


def test_dice_counts_overlap_twice():
    first = np.array([[1, 1, 0, 0]])
    second = np.array([[0, 255, 255, 255]])
    assert dice(first, second) == 2 * 1 / (2 + 3)


def test_dice_of_two_empty_masks_is_one_and_of_one_empty_mask_zero():
    empty = np.zeros((2, 3, 3))
    assert dice(empty, empty) == 1.0
    assert dice(empty, np.ones((2, 3, 3))) == 0.0


def test_dice_refuses_masks_that_would_be_broadcast():
    with pytest.raises(ValueError, match=r"\(1, 4\) and \(3, 4\)"):
        dice(np.ones((1, 4)), np.ones((3, 4)))


@settings(max_examples=60, deadline=None)
@given(VOLUMES)
def test_largest_component_is_medpys(volume):
    from medpy.filter.binary import largest_connected_component

    kept = largest_component(volume)
    if volume.any():
        assert np.array_equal(kept, largest_connected_component(volume))
    else:
        assert not kept.any()
        with pytest.raises(ValueError, match="empty sequence"):
            largest_connected_component(volume)


def test_components_are_connected_through_faces_and_across_slices():
    volume = np.zeros((2, 4, 4), np.uint8)
    volume[0, 0, 0] = volume[1, 0, 0] = 255  # two voxels, one above the other
    volume[0, 2, 2] = volume[0, 3, 3] = 255  # two voxels that touch at a corner only
    volume[1, 1, 1] = 255
    kept = largest_component(volume)
    assert kept.sum() == 2
    assert kept[0, 0, 0]
    assert kept[1, 0, 0]


def test_a_speckled_volume_does_not_take_a_pass_per_component():
    rng = np.random.default_rng(0)
    volume = rng.random((16, 256, 256)) < 0.15  # about 80,000 components
    assert 0 < largest_component(volume).sum() < volume.sum()


def test_masks_are_strictly_above_the_threshold_and_not_a_number_is_background():
    probabilities = np.array([[[0.5, 0.50001, np.nan, 1.0]]], np.float32)
    assert masks_of(probabilities, 0.5, largest=False).tolist() == [[[False, True, False, True]]]
    assert masks_of(probabilities, 0.5, largest=True).sum() == 1


def test_errors_equal_a_direct_computation():
    rng = np.random.default_rng(1)
    reference = rng.random((21, 16, 16), np.float32)
    engine = np.clip(reference + rng.normal(0, 0.05, reference.shape), 0, 1).astype(np.float32)
    sums = ErrorSums(0.5)
    flipped = np.concatenate(
        [sums.add(reference[:9], engine[:9]), sums.add(reference[9:], engine[9:])]
    )
    errors = sums.errors()
    a, b = reference.astype(np.float64).ravel(), engine.astype(np.float64).ravel()
    assert errors.max_abs_error == np.abs(a - b).max()
    assert errors.mean_abs_error == pytest.approx(np.abs(a - b).mean(), rel=1e-12)
    assert errors.relative_l2 == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(a), rel=1e-12)
    assert errors.cosine_similarity == pytest.approx(
        a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-12
    )
    flips = (reference > 0.5) != (engine > 0.5)
    assert errors.flipped_pixels == flips.sum() > 0
    assert flipped.tolist() == flips.sum(axis=(1, 2)).tolist()
    assert errors.flipped_fraction == flips.mean()
    assert (errors.pixels, errors.non_finite) == (reference.size, 0)


def test_merged_sums_are_those_of_all_slices():
    rng = np.random.default_rng(2)
    reference, engine = rng.random((2, 6, 8, 8), np.float32)
    whole, first, second = (ErrorSums(0.5) for _ in range(3))
    whole.add(reference, engine)
    first.add(reference[:2], engine[:2])
    second.add(reference[2:], engine[2:])
    merged = asdict(first.merged(second).errors())
    assert merged == pytest.approx(asdict(whole.errors()), rel=1e-12)
    assert first.errors().pixels == 2 * 64
    with pytest.raises(ValueError, match="one threshold"):
        first.merged(ErrorSums(0.4))


def test_equal_outputs_have_no_error():
    sums = ErrorSums(0.5)
    sums.add(np.full((1, 4, 4), 0.7, np.float32), np.full((1, 4, 4), 0.7, np.float32))
    errors = sums.errors()
    assert (errors.max_abs_error, errors.relative_l2, errors.flipped_pixels) == (0, 0, 0)
    assert errors.cosine_similarity == pytest.approx(1.0)


def test_values_that_are_not_finite_are_counted_and_poison_nothing():
    reference = np.full((1, 2, 2), 0.25, np.float32)
    engine = np.array([[[np.nan, np.inf], [0.25, 0.25]]], np.float32)
    sums = ErrorSums(0.5)
    sums.add(reference, engine)
    errors = sums.errors()
    assert errors.non_finite == 2
    assert errors.max_abs_error == 0.25
    assert all(math.isfinite(value) for value in asdict(errors).values())


def test_silent_outputs_have_defined_figures():
    zeros = np.zeros((1, 2, 2), np.float32)
    sums = ErrorSums(0.5)
    sums.add(zeros, zeros)
    assert sums.errors().cosine_similarity == 1.0
    assert sums.errors().relative_l2 == 0.0


def test_nothing_added_is_an_error():
    with pytest.raises(ValueError, match="no slices"):
        ErrorSums(0.5).errors()


def test_memory_stays_flat():
    reference = np.zeros((64, 256, 256), np.float32)
    engine = np.ones((64, 256, 256), np.float32)
    tracemalloc.start()
    ErrorSums(0.5).add(reference, engine)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 256 * 256 * 8 * 8  # a few float64 copies of eight slices


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_reference_that_is_not_finite_is_refused(value):
    reference = np.full((1, 2, 2), value, np.float32)
    with pytest.raises(ValueError, match="finite"):
        ErrorSums(0.5).add(reference, np.zeros((1, 2, 2), np.float32))
