"""DICOM series whose tags the test writes."""

from pathlib import Path

import numpy as np
import pytest
from dicom_series import write_series
from segtrt.data.formats.dicom import read_series
from segtrt.errors import SegtrtError

VALUES = np.random.default_rng(7).integers(-900, 900, (5, 6, 7)).astype(np.int16)
EVEN = [(-10.0, 20.0, 30.0 + 2.5 * n) for n in range(5)]


def read(folder: Path):
    return read_series(folder, sorted(folder.iterdir()))


def test_slices_in_the_order_of_their_positions(tmp_path: Path) -> None:
    write_series(tmp_path, VALUES, EVEN)
    (tmp_path / "DICOMDIR").write_bytes(b"x")
    image = read(tmp_path)
    np.testing.assert_array_equal(image.array[0], VALUES)
    assert image.geometry is not None
    np.testing.assert_allclose(image.geometry.spacing, (2.5, 0.75, 0.5))
    np.testing.assert_allclose(image.geometry.origin, (-10, 20, 30))
    np.testing.assert_allclose(image.geometry.direction, np.eye(3).ravel())


def test_sagittal_slices(tmp_path: Path) -> None:
    positions = [(3.0 * n, 0.0, 0.0) for n in range(5)]
    write_series(tmp_path, VALUES, positions, orientation="0\\1\\0\\0\\0\\-1")
    image = read(tmp_path)
    assert image.geometry is not None
    direction = np.reshape(image.geometry.direction, (3, 3))
    np.testing.assert_allclose(direction[:, 0], (0, 1, 0), atol=1e-9)
    np.testing.assert_allclose(direction[:, 1], (0, 0, -1), atol=1e-9)
    # Slices go along the normal, here to negative x: the last one written comes first.
    np.testing.assert_allclose(direction[:, 2], np.cross((0, 1, 0), (0, 0, -1)), atol=1e-9)
    np.testing.assert_array_equal(image.array[0], VALUES[::-1])
    np.testing.assert_allclose(image.geometry.origin, (12, 0, 0))


def test_one_slice(tmp_path: Path) -> None:
    write_series(tmp_path, VALUES[:1], EVEN[:1])
    np.testing.assert_array_equal(read(tmp_path).array[0], VALUES[:1])


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([*EVEN[:2], (-10.0, 20.0, 60.0), (-10.0, 20.0, 62.5), (-10.0, 20.0, 65.0)],
         r"27.5 mm apart where others are 2.5 mm apart \(between slices 2 and 3\)"),
        ([*EVEN[:4], EVEN[3]], "two DICOM slices at one position"),
        ([(-10.0, 20.0 + n, 30.0 + 2.5 * n) for n in range(5)], "a tilted gantry"),
    ],
)  # fmt: skip
def test_slices_that_make_no_grid(positions: list, message: str, tmp_path: Path) -> None:
    write_series(tmp_path, VALUES, positions)
    with pytest.raises(SegtrtError, match=message):
        read(tmp_path)


def test_what_else_lies_there(tmp_path: Path) -> None:
    write_series(tmp_path / "a", VALUES, EVEN)
    (tmp_path / "a/notes.txt").write_text("x")
    with pytest.raises(SegtrtError, match=r"1 files that are not of its DICOM series .*notes.txt"):
        read(tmp_path / "a")
    write_series(tmp_path / "b", VALUES, EVEN)
    write_series(tmp_path / "b", VALUES, EVEN, series="1.2.3.4", prefix="other")
    with pytest.raises(SegtrtError, match="holds 2 DICOM series, expected one"):
        read(tmp_path / "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(SegtrtError, match="holds 0 DICOM series"):
        read(tmp_path / "c")


def test_a_damaged_slice(tmp_path: Path) -> None:
    write_series(tmp_path, VALUES, EVEN)
    path = tmp_path / "097.dcm"
    for kept in (200, len(path.read_bytes()) - 30):
        content = path.read_bytes()
        path.write_bytes(content[:kept])
        with pytest.raises(SegtrtError, match=r"097.dcm|cannot be read"):
            read(tmp_path)
        path.write_bytes(content)
