"""The figures of quality: what each is called, where it lies, how it is limited and shown.

Tables, limits and messages follow this list; to add a figure is to add an entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from segtrt.quality.failures import Failure


class Style(Enum):
    """How a figure is written."""

    SCORE = auto()
    """Four decimals."""
    LOSS = auto()
    """Four decimals with the sign of a gain."""
    PERCENTAGE = auto()
    ERROR = auto()
    """Scientific."""
    SIMILARITY = auto()
    """Six decimals, for figures close to 1."""


@dataclass(frozen=True)
class Metric:
    """One figure of an engine."""

    name: str
    """As in scores, in `validation.tolerances` and in failures."""
    phrase: str
    """In a sentence, e.g. `relative L2 error`."""
    heading: str
    """Over its column."""
    unit: str
    """Under the heading: its unit, or what it relates to."""
    help: str
    """What it is, in one line."""
    path: tuple[str, ...]
    """Keys that lead to it in an engine's scores and in its entry of the summary."""
    style: Style
    higher_is_better: bool = False
    of_truth: bool | None = None
    """True: there only with ground truth; False: shown only without."""

    def value(self, scores: Mapping[str, Any]) -> float | None:
        """The figure in an engine's scores or entry; None where it has none."""
        found: Any = scores
        for key in self.path:
            if found is None:
                return None
            found = found.get(key)
        return None if found is None else float(found)

    def failure(self, value: float, limit: float, metric: str = "") -> Failure | None:
        """What is wrong with a value; None if it keeps its limit.

        Args:
            value: the figure.
            limit: its tolerance.
            metric: title of the metric that the figure may be of.
        """
        # What is not a number keeps no limit.
        kept = value >= limit if self.higher_is_better else value <= limit
        of = metric if "{metric}" in self.phrase else ""
        return None if kept else Failure(self.name, value, limit, self.higher_is_better, of)


METRICS = (
    Metric(
        "metric",
        "{metric}",
        "{metric}",
        "mean",
        "Mean {metric} of the evaluation subjects against ground truth",
        ("quality", "mean"),
        Style.SCORE,
        higher_is_better=True,
        of_truth=True,
    ),
    Metric(
        "metric_loss",
        "loss of {metric}",
        "Loss",
        "{metric}",
        "What of the mean {metric} it loses against the reference, and its 95 % interval",
        ("quality", "loss"),
        Style.LOSS,
        of_truth=True,
    ),
    Metric(
        "agreement",
        "agreement in {metric}",
        "Agreement",
        "{metric}",
        "Mean {metric} of its labels with the reference's in place of ground truth",
        ("agreement",),
        Style.SCORE,
        higher_is_better=True,
        of_truth=False,
    ),
    Metric(
        "flipped_fraction",
        "share of flipped pixels",
        "Flipped",
        "pixels",
        "Share of pixels whose label differs from the reference's",
        ("errors", "flipped_fraction"),
        Style.PERCENTAGE,
    ),
    Metric(
        "relative_rms",
        "relative error of the outputs",
        "RMS error",
        "relative",
        "Root mean square of the difference of the outputs over the reference's standard deviation",
        ("errors", "relative_rms"),
        Style.ERROR,
    ),
    Metric(
        "max_abs_error",
        "largest error of an output",
        "Max error",
        "absolute",
        "Largest difference of an output value on any item, calibration included",
        ("errors_every_item", "max_abs_error"),
        Style.ERROR,
    ),
    Metric(
        "mean_abs_error",
        "mean error of an output",
        "Mean error",
        "absolute",
        "Mean difference of an output value",
        ("errors", "mean_abs_error"),
        Style.ERROR,
    ),
    Metric(
        "relative_l2",
        "relative L2 error",
        "L2 error",
        "relative",
        "L2 norm of the difference over that of the reference's output",
        ("errors", "relative_l2"),
        Style.ERROR,
    ),
    Metric(
        "cosine_similarity",
        "cosine similarity",
        "Cosine",
        "similarity",
        "Cosine of the angle between both outputs as vectors",
        ("errors", "cosine_similarity"),
        Style.SIMILARITY,
        higher_is_better=True,
    ),
)
"""In the order of the report's columns; `{metric}` stands for the title of `validation.metric`."""


def figures_shown(title: str, *, has_truth: bool) -> tuple[Metric, ...]:
    """The figures that a report has columns for.

    Args:
        title: the metric's.
        has_truth: whether there is ground truth.
    """
    return tuple(
        replace(
            one,
            phrase=one.phrase.format(metric=title),
            heading=one.heading.format(metric=title),
            unit=one.unit.format(metric=title),
            help=one.help.format(metric=title),
        )
        for one in METRICS
        if one.of_truth in (None, has_truth)
    )
