"""The file of a graph's regions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.graphs.regions import Region

FORMAT = "segtrt-regions-1"


@dataclass(frozen=True)
class _File:
    """The file's content."""

    most: int
    """How many were allowed."""
    regions: tuple[Region, ...]


def write_regions(path: Path, regions: Sequence[Region], most: int) -> None:
    """Write regions, in the order of the data.

    Args:
        path: the file to make.
        regions: the regions.
        most: how many were allowed.
    """
    write_json(path, {"format": FORMAT, **asdict(_File(most, tuple(regions)))})


def read_regions(path: Path) -> tuple[Region, ...]:
    """Read regions.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, _File, what="file of regions", tag=FORMAT).regions
