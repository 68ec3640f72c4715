"""DICOM series: a folder of slices that make one volume."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.image import Image
from segtrt.data.formats.kinds import Format
from segtrt.data.formats.volumes import READERS, execute, to_image
from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    import SimpleITK

_POSITION, _ORIENTATION = "0020|0032", "0020|0037"

_TOLERANCE = 0.02
"""How far a slice may lie from its place, as a share of the distance of slices."""


def read_series(folder: Path, files: Sequence[Path]) -> Image:
    """Read the one DICOM series in a folder, its slices in the order of their positions.

    Args:
        folder: the folder.
        files: all files in it; each must be of the series (`DICOMDIR` apart).

    Raises:
        SegtrtError: no series or several, files that are not of it, slices that are missing,
            doubled, uneven or shifted against each other, or damaged files.
    """
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    series = SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(series) != 1:
        raise SegtrtError(
            f"{folder} holds {len(series)} DICOM series, expected one; "
            + ("give each a folder of its own" if series else "put its files back")
        )
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    kept = {Path(name).name for name in names}
    others = [path.name for path in files if path.name not in kept and path.name != "DICOMDIR"]
    if others:
        raise SegtrtError(
            f"{folder} holds {len(others)} files that are not of its DICOM series or are damaged "
            f"({others[0]}); remove or replace them"
        )
    if len(names) == 1:
        return to_image(execute(Path(names[0]), READERS[Format.DICOM]), folder)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetImageIO(READERS[Format.DICOM])
    reader.SetFileNames(names)
    reader.MetaDataDictionaryArrayUpdateOn()
    try:
        image = reader.Execute()
        positions, normal = _places(reader, len(names))
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split("ITK ERROR: ")[-1].split())
        raise SegtrtError(
            f"{folder} holds a DICOM series that cannot be read ({reason[-200:]}); its files may "
            "be damaged, of different sizes or without positions"
        ) from None
    _check_spacing(folder, positions, normal)
    return to_image(image, folder)


def _places(
    reader: "SimpleITK.ImageSeriesReader", count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position of each slice's corner, (slices, 3) mm, and the unit vector across slices, (3,)."""
    positions: list[list[float]] = []
    orientations: list[list[float]] = []
    for place in range(count):
        for key, target in ((_POSITION, positions), (_ORIENTATION, orientations)):
            text = reader.GetMetaData(place, key)
            target.append([float(part) for part in text.split("\\")])
    rows, columns = np.array(orientations[0])[:3], np.array(orientations[0])[3:]
    if not np.allclose(orientations, orientations[0], atol=1e-3):
        raise ValueError("its slices are turned against each other")
    return np.array(positions), np.cross(rows, columns)


def _check_spacing(
    folder: Path, positions: NDArray[np.float64], normal: NDArray[np.float64]
) -> None:
    """Refuse slices that are not evenly spaced along their normal, as a plain grid has them."""
    heights = positions @ normal
    steps = np.diff(heights)
    step = float(np.median(steps))
    if (np.abs(steps) < 1e-4).any():
        raise SegtrtError(
            f"{folder} holds two DICOM slices at one position; remove one, or give each time or "
            "echo a folder of its own"
        )
    uneven = np.abs(steps - step) > _TOLERANCE * abs(step)
    if uneven.any():
        where = int(np.flatnonzero(uneven)[0])
        raise SegtrtError(
            f"{folder} holds DICOM slices {abs(steps[where]):.3g} mm apart where others are "
            f"{abs(step):.3g} mm apart (between slices {where + 1} and {where + 2}); find the "
            "missing slice or resample the volume"
        )
    aside = positions - positions[0] - np.outer(heights - heights[0], normal)
    if np.abs(aside).max() > _TOLERANCE * abs(step) * len(positions):
        raise SegtrtError(
            f"{folder} holds DICOM slices that are shifted against each other (a tilted gantry), "
            "expected a plain grid; resample it"
        )
