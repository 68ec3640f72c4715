"""The file of an engine's scores."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from segtrt.files import write_json
from segtrt.formats import from_json, read_object, unreadable

FORMAT = "segtrt-scores-1"
_WHAT = "score file"


@dataclass(frozen=True)
class Errors:
    """How far an engine's probabilities are from the reference's."""

    pixels: int
    max_abs_error: float
    mean_abs_error: float
    relative_l2: float
    """L2 norm of the difference over L2 norm of the reference."""
    cosine_similarity: float
    """Of the two outputs as vectors, 1 if they have the same direction."""
    flipped_pixels: int
    """Pixels on the other side of the threshold, before any component is dropped."""
    flipped_fraction: float
    """`flipped_pixels` over `pixels`."""
    non_finite: int
    """Values of the engine that are not finite; the error figures count them as 0."""


@dataclass(frozen=True)
class DiceSummary:
    """Dice over the evaluation subjects: the engine's own, the reference's, and how they differ."""

    mean: float
    median: float
    min: float
    reference_mean: float
    reference_median: float
    dice_loss: float
    """`reference_mean` less `mean`; negative if the engine gained."""
    to_reference_mean: float
    """Of the engine's masks against the reference's."""


@dataclass(frozen=True)
class SubjectScore:
    """One subject's figures."""

    subject: str
    split: str
    """`calibration` or `evaluation`."""
    slices: int
    dice: float
    """Against ground truth."""
    reference_dice: float
    """The reference's against ground truth."""
    dice_to_reference: float
    """Against the reference's masks."""
    flipped_pixels: int


@dataclass(frozen=True)
class SliceScore:
    """One slice's figures."""

    subject: str
    number: int
    """As in the file's name."""
    flipped_pixels: int
    foreground_pixels: int
    outline: str
    """The mask's outline (`segtrt.quality.outlines`)."""


@dataclass(frozen=True)
class Figures:
    """What an engine's answers are worth."""

    errors: Errors
    """On the slices of evaluation subjects."""
    errors_every_slice: Errors
    """On those of calibration subjects too."""
    dice: DiceSummary
    subjects: tuple[SubjectScore, ...]
    slices: tuple[SliceScore, ...]


@dataclass(frozen=True)
class Scores:
    """An engine's scores, and how its masks were made."""

    engine: str
    status: str
    """As in the engine's record."""
    threshold: float
    """Probability above which a pixel is foreground."""
    largest_component: bool
    """Whether only the largest component of a subject's volume counts."""
    figures: Figures | None = None
    """None for an unsupported engine."""

    def write(self, path: Path) -> None:
        """Write the scores as JSON, the figures beside the head."""
        head = asdict(self)
        figures = head.pop("figures") or {}
        write_json(path, {"format": FORMAT, **head, **figures})


_HEAD = {one.name for one in fields(Scores)} - {"figures"}


def read_scores(path: Path) -> Scores:
    """Read an engine's scores.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    data = read_object(path, what=_WHAT, tag=FORMAT)
    del data["format"]
    head: dict[str, Any] = {name: data.pop(name) for name in _HEAD if name in data}
    try:
        return from_json(Scores, {**head, "figures": data or None})
    except ValueError as error:
        raise unreadable(path, _WHAT, error) from None
