"""Counts of pixels by label."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from segtrt.quality.overlap import Overlap


@given(st.integers(1, 255), st.lists(st.integers(0, 60), max_size=4), st.integers(0, 99))
def test_counts_equal_plain_ones(classes: int, sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    pieces = [rng.integers(0, classes + 1, (2, size)).astype(np.uint8) for size in sizes]
    overlap = Overlap(classes)
    for prediction, truth in pieces:
        overlap.add(prediction, truth)
    joined = np.concatenate([*pieces, np.zeros((2, 0), np.uint8)], axis=1)
    counts = list(overlap.counts())
    assert len(counts) == classes
    for label, (both, predicted, true) in enumerate(counts, 1):
        ours, theirs = joined == label
        assert (both, predicted, true) == ((ours & theirs).sum(), ours.sum(), theirs.sum())
