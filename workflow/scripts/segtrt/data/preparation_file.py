"""The file that says how long a slice takes before any engine sees it."""

from dataclasses import dataclass
from pathlib import Path

from segtrt.formats import read_format

FORMAT = "segtrt-preparation-1"


@dataclass(frozen=True)
class PreparationTiming:
    """Medians over slices, in milliseconds for one slice."""

    decode: float
    """Reading the files, checking their hashes and decoding them."""
    normalise: float
    slices: int
    """How many the medians rest on."""


def read_preparation(path: Path) -> PreparationTiming:
    """Read what `segtrt.data.preparation_timing.time_preparation` wrote.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, PreparationTiming, what="timing of the preparation", tag=FORMAT)
