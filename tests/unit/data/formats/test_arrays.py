"""NPY."""

from pathlib import Path

import numpy as np
import pytest
from segtrt.data.formats.arrays import read_npy
from segtrt.errors import SegtrtError


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5, 6), (1, 5, 6)), ((5, 6, 3), (3, 5, 6)), ((9, 5, 6), (1, 9, 5, 6)),
     ((9, 5, 6, 2), (2, 9, 5, 6))],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.bool_])
def test_axes(
    shape: tuple[int, ...], expected: tuple[int, ...], dtype: type, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    image = read_npy(tmp_path / "a.npy")
    assert (image.array.shape, image.array.dtype) == (expected, values.dtype)
    last = expected[0] > 1
    np.testing.assert_array_equal(image.array[-1], values[..., -1] if last else values)


def test_what_is_no_image(tmp_path: Path) -> None:
    for values, reported in (
        (np.zeros(4), "is of shape"),
        (np.zeros((2, 5, 6, 7, 8)), "is of shape"),
        (np.zeros((5, 6), complex), "holds complex128"),
        (np.array([[{}]]), "holds Python objects"),
    ):
        np.save(tmp_path / "a.npy", values, allow_pickle=True)
        with pytest.raises(SegtrtError, match=reported):
            read_npy(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros((9, 9)))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-5])
    with pytest.raises(SegtrtError, match="is damaged, cut short"):
        read_npy(tmp_path / "a.npy")
