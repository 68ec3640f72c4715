"""The file of the reference's own scores: its labels against ground truth, scored once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.quality.means import class_means
from segtrt.quality.scores import MetricFacts

FORMAT = "segtrt-reference-scores-2"


@dataclass(frozen=True)
class ReferenceSubject:
    """One subject's figures."""

    subject: str
    split: str
    """`calibration`, `search` or `evaluation`."""
    items: int
    """Images or volumes."""
    slices: int
    """2-D images, or planes of its volumes, on their own grid: what is scored."""
    slices_seen: int
    """Of these, what the preparation leaves for the network to see; the rest is background."""
    figure: float | None
    """The metric against ground truth, mean of the classes; None without a figure."""
    classes: tuple[float | None, ...]
    """The metric of each class; empty without ground truth."""
    dice: float | None
    """Dice against ground truth, mean of the classes, whatever the metric."""
    truth_pixels: int | None
    """Pixels of any class in the truth; None without ground truth."""
    found_pixels: int
    """Pixels of any class that the reference finds."""


@dataclass(frozen=True)
class ReferenceScores:
    """The reference's scores, and how its labels were made; engines' labels are made so too."""

    decoder: Mapping[str, Any]
    """`Decoder.to_json`."""
    metric: MetricFacts
    class_names: tuple[str, ...]
    """Of labels 1, 2, ..."""
    has_truth: bool
    subjects: tuple[ReferenceSubject, ...]

    @property
    def largest_component(self) -> bool:
        """Whether only the largest component of each class counts."""
        return bool(self.decoder["largest_component"])

    @property
    def evaluated(self) -> list[ReferenceSubject]:
        """The evaluation subjects."""
        return [one for one in self.subjects if one.split == "evaluation"]

    def doubt(self, least: float) -> str:
        """Why no verdict on engines means anything, in one line; empty if it does.

        Args:
            least: the mean metric that the reference must reach (`validation.min_reference`); of a
                metric that falls as masks get better, the mean Dice.
        """
        scored = self.evaluated
        nothing = "so no verdict on engines means anything"
        if not scored:
            return ""
        if self.has_truth and not any(one.truth_pixels for one in scored):
            return f"the ground truth of every evaluation subject is empty, {nothing}"
        if not any(one.found_pixels for one in scored):
            return f"the network finds nothing in any image: it does not segment these, {nothing}"
        metric = self.metric
        own = metric.higher_is_better and not metric.unit
        figures = [one.figure if own else one.dice for one in scored]
        known = [figure for figure in figures if figure is not None]
        if not known or not fmean(known) < least:
            return ""
        title = metric.title if own else "Dice"
        return (
            f"the network does not segment these images: mean {title} {fmean(known):.4f} of the "
            f"reference, at least {least:g} expected (validation.min_reference), {nothing}"
        )

    def class_means(self) -> tuple[float | None, ...]:
        """Mean over the evaluation subjects of each class."""
        return class_means([one.classes for one in self.evaluated])

    def write(self, path: Path) -> None:
        """Write the scores as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_reference_scores(path: Path) -> ReferenceScores:
    """Read the reference's scores.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, ReferenceScores, what="reference score file", tag=FORMAT)
