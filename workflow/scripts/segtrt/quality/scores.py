"""The file of an engine's scores."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from segtrt.files import write_json
from segtrt.formats import from_json, read_object, unreadable

FORMAT = "segtrt-scores-3"
_WHAT = "score file"


@dataclass(frozen=True)
class MetricFacts:
    """What readers of scores need to know of the metric."""

    name: str
    """As in `validation.metric`."""
    title: str
    unit: str
    """`mm`, `pixels` where images have no spacing, or empty for a share."""
    higher_is_better: bool


@dataclass(frozen=True)
class Errors:
    """How far an engine's answers are from the reference's."""

    patches: int
    """Patches whose raw outputs were compared; the figures up to `cosine_similarity` rest on
    these."""
    values: int
    """Output values of these patches."""
    max_abs_error: float
    mean_abs_error: float
    rms_error: float
    """Root mean square of the difference."""
    relative_rms: float
    """`rms_error` over the standard deviation of the reference's values about their channel's
    mean."""
    relative_l2: float
    """L2 norm of the difference over L2 norm of the reference."""
    cosine_similarity: float
    """Of the two outputs as vectors, 1 if they have the same direction."""
    pixels: int
    """Pixels on the network's grid of all items."""
    flipped_pixels: int
    """Pixels of another label than the reference's, before any component is dropped."""
    flipped_fraction: float
    """`flipped_pixels` over `pixels`."""
    non_finite: int
    """Output values of the engine that are not finite; the error figures count them as 0."""


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Quality:
    """The metric over the evaluation subjects: the engine's own, the reference's, the loss."""

    mean: float
    median: float
    worst: float
    reference_mean: float
    reference_median: float
    loss: float
    """What of the mean the engine lost against the reference; negative if it gained."""
    loss_interval: Interval | None
    """Of `loss`, paired over subjects (`segtrt.quality.confidence`); None if there can be none."""
    paired_subjects: int
    """Subjects with a figure of both the engine and the reference: what the interval rests on."""
    classes: tuple[float | None, ...]
    """Mean for each class; None where no subject has a figure."""
    reference_classes: tuple[float | None, ...]


@dataclass(frozen=True)
class SubjectScore:
    """One subject's figures."""

    subject: str
    split: str
    """`calibration`, `search` or `evaluation`."""
    items: int
    """Images or volumes."""
    figure: float | None
    """The metric against ground truth, mean of the classes; None without a figure."""
    classes: tuple[float | None, ...]
    """The metric of each class; empty without ground truth."""
    reference_figure: float | None
    """The reference's against ground truth."""
    agreement: float | None
    """The metric of the engine's labels, with the reference's in place of the truth."""
    flipped_pixels: int


@dataclass(frozen=True)
class View:
    """A 2-D item, or a plane of a volume, that pictures may show."""

    subject: str
    item: str
    plane: int | None
    """Along the first axis of the network's grid; None for a 2-D item."""
    flipped_pixels: int
    foreground_pixels: int
    outlines: Mapping[str, str]
    """Label -> the outline of the engine's mask (`segtrt.quality.outlines`), where there is one."""


@dataclass(frozen=True)
class Figures:
    """What an engine's answers are worth."""

    errors: Errors
    """On the items of evaluation subjects."""
    errors_every_item: Errors
    """On those of all subjects."""
    quality: Quality | None
    """None without ground truth, or where no subject has a figure."""
    agreement: float | None
    """Mean of the evaluation subjects'."""
    patches: int
    """All patches, whether their raw outputs were kept or not."""
    subjects: tuple[SubjectScore, ...]
    views: tuple[View, ...]


@dataclass(frozen=True)
class Scores:
    """An engine's scores, and how its labels were made."""

    engine: str
    status: str
    """As in the engine's record."""
    decoder: Mapping[str, Any]
    """`Decoder.to_json`."""
    metric: MetricFacts
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
