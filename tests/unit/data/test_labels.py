"""Label maps from masks' values and back."""

from pathlib import Path

import numpy as np
import pytest
from segtrt.data.labels import IGNORED, Labels
from segtrt.errors import SegtrtError

PATH = Path("m.png")
THREE = Labels.of({300: "tumour", 0: "background", 7: "liver"}, ignored=9)


def test_classes_in_order_of_values() -> None:
    assert (THREE.values, THREE.names, THREE.ignored) == ((7, 300), ("liver", "tumour"), 9)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int64, np.float32, np.float64])
def test_there_and_back(dtype: type) -> None:
    mask = np.array([[0, 7, 300], [9, 0, 7]], dtype)
    labels = THREE.encode(mask, PATH)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, [[0, 1, 2], [IGNORED, 0, 1]])
    back = THREE.decode(labels)
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, mask)


def test_small_values_stay_bytes() -> None:
    one = Labels.of({255: "tumour"})
    assert one.decode(np.array([0, 1], np.uint8)).dtype == np.uint8
    np.testing.assert_array_equal(one.encode(np.array([0, 255], np.uint8), PATH), [0, 1])
    np.testing.assert_array_equal(Labels.of({1: "a"}).encode(np.array([True, False]), PATH), [1, 0])
    with pytest.raises(ValueError, match="class 2 of 1"):
        one.decode(np.array([0, 2], np.uint8))
    with pytest.raises(ValueError, match="class 255 of 1"):
        one.decode(np.array([0, 255], np.uint8))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.array([0, 1, 3, 3], np.uint8), "values 1, 3 in 3 pixels, expected 0, 7, 300, 9 only"),
        (np.array([-1, 7], np.int16), "value -1 in 1 pixels"),
        (np.array([70000, 7], np.int32), "value 70000 in 1"),
        (np.array([7.5, 7], np.float32), "value 7.5 in 1"),
        (np.array([np.nan, 7]), "value nan in 1"),
        (np.array([np.inf, 7]), "value inf in 1"),
    ],
)
def test_other_values_are_listed(mask: np.ndarray, message: str) -> None:
    with pytest.raises(SegtrtError, match=message):
        THREE.encode(mask, PATH)


@pytest.mark.parametrize(
    ("names", "ignored", "message"),
    [
        ({}, None, "expected 1 to 254 values"),
        ({0: "background"}, None, "expected 1 to 254 values"),
        ({n: str(n) for n in range(1, 300)}, None, "expected 1 to 254 values"),
        ({-1: "a"}, None, "-1 is no mask's value"),
        ({70000: "a"}, None, "70000 is no mask's value"),
        ({1: "a", 2: "a"}, None, "a different name for each"),
        ({1: "a"}, 1, "1 is to be ignored and is a class"),
        ({1: "a"}, 0, "0 is to be ignored and is a class or background"),
    ],
)
def test_labels_that_cannot_be(names: dict[int, str], ignored: int | None, message: str) -> None:
    with pytest.raises(SegtrtError, match=message):
        Labels.of(names, ignored)
