"""The file of the reference's own scores: its masks against ground truth, scored once."""

from dataclasses import asdict, dataclass
from pathlib import Path

from segtrt.files import write_json
from segtrt.formats import read_format

FORMAT = "segtrt-reference-scores-1"


@dataclass(frozen=True)
class ReferenceSubject:
    """One subject's figures."""

    subject: str
    split: str
    """`calibration` or `evaluation`."""
    slices: int
    dice: float
    """Against ground truth."""


@dataclass(frozen=True)
class ReferenceScores:
    """The reference's scores, and how its masks were made; engines' masks are made the same way."""

    threshold: float
    """Probability above which a pixel is foreground."""
    largest_component: bool
    """Whether only the largest component of a subject's volume counts."""
    subjects: tuple[ReferenceSubject, ...]

    def write(self, path: Path) -> None:
        """Write the scores as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_reference_scores(path: Path) -> ReferenceScores:
    """Read the reference's scores.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, ReferenceScores, what="reference score file", tag=FORMAT)
