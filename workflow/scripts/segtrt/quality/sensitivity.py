"""The file of what one region of the network loses in one precision."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.precision import Graph

FORMAT = "segtrt-sensitivity-1"


class Outcome(StrEnum):
    """What became of judging a region."""

    MEASURED = "measured"
    UNCHANGED = "unchanged"
    """The precision leaves all of the region's nodes in float32: it loses nothing."""
    EMPTY = "empty"
    """The network has fewer regions than were allowed."""
    UNAVAILABLE = "unavailable"
    """There is no such graph; `reason` says why."""


class Method(StrEnum):
    """How the region's answers were computed; the same on every machine."""

    CODES = "codes"
    """In ONNX Runtime, operator by operator, through the quantised graph's own 8-bit codes."""
    ROUNDING = "rounding"
    """In ONNX Runtime in float32, with weights and results rounded."""


@dataclass(frozen=True)
class Loss:
    """What the network loses on the search subjects with one region in low precision."""

    metric_loss: float | None
    """Loss of the mean metric against the reference, in the metric's unit; negative if it gained,
    None without ground truth."""
    flipped_fraction: float
    """Share of the pixels with another label than the reference's, 0..1."""
    relative_l2: float
    """L2 norm of the outputs' difference from the reference's over the reference's norm."""
    non_finite: int
    """Output values that are infinite or not numbers."""
    subjects: int
    pixels: int


@dataclass(frozen=True)
class Sensitivity:
    """One region in one precision."""

    graph: Graph
    """The graph that the region is taken from, which names the precision."""
    region: int
    """Its number, from 0 in the order of the data."""
    name: str
    """As in the file of regions; empty for an empty one."""
    outcome: Outcome
    reason: str = ""
    method: Method | None = None
    """None where nothing was computed."""
    loss: Loss | None = None

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_sensitivity(path: Path) -> Sensitivity:
    """Read what a region loses.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, Sensitivity, what="sensitivity of a region", tag=FORMAT)
