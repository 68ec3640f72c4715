"""A DICOM series of slices, written by SimpleITK with tags of the test's own."""

import locale
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

SERIES = "1.2.826.0.1.3680043.2.1125.1"


@contextmanager
def keep_locale() -> Iterator[None]:
    """Put the process's locale back: writing DICOM sets it to "C" and leaves it so."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


@keep_locale()
def write_series(
    folder: Path,
    values: np.ndarray[Any, Any],
    positions: Sequence[tuple[float, float, float]],
    *,
    orientation: str = "1\\0\\0\\0\\1\\0",
    spacing: tuple[float, float] = (0.75, 0.5),
    series: str = SERIES,
    prefix: str = "",
) -> None:
    """Write slices, file names against their order in space.

    Args:
        folder: made if need be.
        values: (slices, rows, columns) int16.
        positions: of each slice's first pixel, millimetres.
        orientation: directions of rows and columns.
        spacing: of rows and of columns, millimetres.
        series: UID of the series.
        prefix: of the files' names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for place, (plane, position) in enumerate(zip(values, positions, strict=True)):
        image = SimpleITK.GetImageFromArray(plane)
        image.SetSpacing(spacing[::-1])
        tags = {
            "0008|0060": "CT",
            "0008|0018": f"{series}.{place + 1}",
            "0020|000d": "1.2.826.0.1.3680043.2.1125.9",
            "0020|000e": series,
            "0020|0032": "\\".join(f"{part:g}" for part in position),
            "0020|0037": orientation,
            "0020|0013": str(place + 1),
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{prefix}{99 - place:03d}.dcm"))
        writer.Execute(image)
