"""Errors of outputs and labels against direct computations."""

import math
import tracemalloc
from dataclasses import asdict

import numpy as np
import pytest
from segtrt.quality.errors import ErrorSums

NOTHING = np.zeros((2, 2), np.uint8)


def sums_of(reference, engine):
    sums = ErrorSums()
    sums.add(reference, engine)
    sums.add_labels(NOTHING, NOTHING)
    return sums


def test_errors_equal_a_direct_computation():
    rng = np.random.default_rng(1)
    reference = rng.normal([[[[3]], [[-40]]]], 2, (21, 2, 16, 16)).astype(np.float32)
    engine = (reference + rng.normal(0, 0.05, reference.shape)).astype(np.float32)
    sums = ErrorSums()
    sums.add(reference[:9], engine[:9])
    sums.add(reference[9:], engine[9:])
    labels = rng.integers(0, 3, (2, 5, 4, 4), np.uint8)
    flipped = sums.add_labels(labels[0], labels[1])
    errors = sums.errors()
    a, b = reference.astype(np.float64).ravel(), engine.astype(np.float64).ravel()
    assert errors.max_abs_error == np.abs(a - b).max()
    assert errors.mean_abs_error == pytest.approx(np.abs(a - b).mean(), rel=1e-12)
    assert errors.rms_error == pytest.approx(np.sqrt(np.mean((a - b) ** 2)), rel=1e-12)
    # The spread is that about each channel's own mean, not of both channels together.
    spread = np.sqrt(np.mean([reference[:, c].astype(np.float64).var() for c in range(2)]))
    assert errors.relative_rms == pytest.approx(errors.rms_error / spread, rel=1e-9)
    assert errors.relative_l2 == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(a), rel=1e-12)
    assert errors.cosine_similarity == pytest.approx(
        a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-12
    )
    flips = labels[0] != labels[1]
    assert errors.flipped_pixels == flips.sum() > 0
    assert flipped.tolist() == flips.sum(axis=(1, 2)).tolist()
    assert errors.flipped_fraction == flips.mean()
    assert (errors.patches, errors.values, errors.pixels) == (21, reference.size, 80)
    assert errors.non_finite == 0


def test_a_2d_items_flips_are_one_figure():
    labels = np.array([[0, 1], [2, 0]], np.uint8)
    assert ErrorSums().add_labels(labels, np.ones((2, 2), np.uint8)).tolist() == [3]


def test_merged_sums_are_those_of_all_patches():
    rng = np.random.default_rng(2)
    reference, engine = rng.random((2, 6, 3, 8, 8), np.float32)
    labels = rng.integers(0, 2, (2, 6, 8, 8), np.uint8)
    whole, first, second = (ErrorSums() for _ in range(3))
    for sums, rows in ((whole, slice(6)), (first, slice(2)), (second, slice(2, 6))):
        sums.add(reference[rows], engine[rows])
        sums.add_labels(labels[0][rows], labels[1][rows], 1)
    merged = asdict(first.merged(second).errors())
    expected = {**asdict(whole.errors()), "non_finite": 2}
    assert merged == pytest.approx(expected, rel=1e-12)
    assert first.errors().pixels == 2 * 64
    assert first.merged(ErrorSums()).errors() == first.errors()


def test_equal_outputs_have_no_error():
    same = np.full((1, 1, 4, 4), 0.7, np.float32)
    errors = sums_of(same, same).errors()
    assert (errors.max_abs_error, errors.relative_l2, errors.relative_rms) == (0, 0, 0)
    assert errors.flipped_pixels == 0
    assert errors.cosine_similarity == pytest.approx(1.0)


def test_values_that_are_not_finite_poison_nothing():
    reference = np.full((1, 1, 2, 2), 0.25, np.float32)
    engine = np.array([[[[np.nan, np.inf], [0.25, 0.25]]]], np.float32)
    sums = ErrorSums()
    sums.add(reference, engine)
    sums.add_labels(NOTHING, NOTHING, non_finite=2)
    errors = sums.errors()
    assert errors.non_finite == 2
    assert errors.max_abs_error == 0.25
    assert all(math.isfinite(value) for value in asdict(errors).values())


def test_silent_outputs_have_defined_figures():
    zeros = np.zeros((1, 1, 2, 2), np.float32)
    errors = sums_of(zeros, zeros).errors()
    assert (errors.cosine_similarity, errors.relative_l2, errors.relative_rms) == (1.0, 0.0, 0.0)


def test_nothing_added_is_an_error():
    with pytest.raises(ValueError, match="neither outputs nor labels"):
        ErrorSums().errors()


def test_memory_stays_flat():
    reference = np.zeros((64, 1, 256, 256), np.float32)
    engine = np.ones((64, 1, 256, 256), np.float32)
    tracemalloc.start()
    ErrorSums().add(reference, engine)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 256 * 256 * 8 * 8  # a few float64 copies of eight slices


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_reference_that_is_not_finite_is_refused(value):
    reference = np.full((1, 1, 2, 2), value, np.float32)
    with pytest.raises(ValueError, match="finite"):
        ErrorSums().add(reference, np.zeros((1, 1, 2, 2), np.float32))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 1, 2, 2\) expected"):
        ErrorSums().add(np.zeros((1, 1, 2, 2), np.float32), np.zeros((1, 2, 2, 2), np.float32))
    with pytest.raises(ValueError, match=r"\(2, 2\) expected"):
        ErrorSums().add_labels(NOTHING, np.zeros((2, 3), np.uint8))
