"""Stored label maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segtrt.quality.labels import pack, packed_bytes, unpack


@given(
    st.integers(0, 4),
    st.lists(st.integers(1, 9), min_size=2, max_size=3),
    st.sampled_from([1, 2, 255]),
    st.integers(0, 99),
)
def test_labels_come_back(patches: int, size: list[int], classes: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, classes + 1, (patches, *size)).astype(np.uint8)
    packed = pack(labels, classes)
    assert packed.dtype == np.uint8
    assert packed.shape == (patches, packed_bytes(size, classes))
    np.testing.assert_array_equal(unpack(packed, size, classes), labels)


def test_one_class_takes_one_bit_a_pixel() -> None:
    assert packed_bytes((256, 256), 1) == 8192
    assert packed_bytes((3, 3), 1) == 2
    assert packed_bytes((3, 3), 2) == 9
    labels = np.zeros((2, 3, 3), np.uint8)
    labels[0, 0, 0] = labels[0, 2, 2] = labels[1, 0, 1] = 1
    assert pack(labels, 1).tolist() == [[0b10000000, 0b10000000], [0b01000000, 0]]


def test_what_does_not_belong_is_refused() -> None:
    with pytest.raises(ValueError, match="up to 1 expected, got 2"):
        pack(np.full((1, 2, 2), 2, np.uint8), 1)
    with pytest.raises(ValueError, match="expected"):
        unpack(np.zeros((1, 3), np.uint8), (3, 3), 1)
    with pytest.raises(ValueError, match="expected"):
        unpack(np.zeros(9, np.uint8), (3, 3), 2)
