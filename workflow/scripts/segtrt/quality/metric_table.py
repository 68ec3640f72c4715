"""The figures of quality: what each is called, where it lies, how it is limited and shown.

Tables, limits and messages follow this list; to add a figure is to add an entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """In a sentence, e.g. `loss of Dice`."""
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

    def value(self, scores: Mapping[str, Any]) -> float | None:
        """The figure in an engine's scores or entry; None where it has none."""
        found: Any = scores
        for key in self.path:
            if found is None:
                return None
            found = found.get(key)
        return None if found is None else float(found)

    def failure(self, value: float, limit: float) -> Failure | None:
        """What is wrong with a value; None if it keeps its limit."""
        # What is not a number keeps no limit.
        kept = value >= limit if self.higher_is_better else value <= limit
        return None if kept else Failure(self.name, value, limit, self.higher_is_better)


METRICS = (
    Metric(
        "dice",
        "Dice",
        "Dice",
        "mean",
        "Mean Dice of the evaluation subjects against ground truth",
        ("dice", "mean"),
        Style.SCORE,
        higher_is_better=True,
    ),
    Metric(
        "dice_loss",
        "loss of Dice",
        "Dice loss",
        "vs PyTorch",
        "Mean Dice of PyTorch less its own",
        ("dice", "dice_loss"),
        Style.LOSS,
    ),
    Metric(
        "flipped_fraction",
        "share of flipped pixels",
        "Flipped",
        "pixels",
        "Share of mask pixels that differ from PyTorch's",
        ("errors", "flipped_fraction"),
        Style.PERCENTAGE,
    ),
    Metric(
        "max_abs_error",
        "largest error of a probability",
        "Max error",
        "absolute",
        "Largest difference of a probability on any slice, calibration included",
        ("errors_every_slice", "max_abs_error"),
        Style.ERROR,
    ),
    Metric(
        "mean_abs_error",
        "mean error of a probability",
        "Mean error",
        "absolute",
        "Mean difference of a probability",
        ("errors", "mean_abs_error"),
        Style.ERROR,
    ),
    Metric(
        "relative_l2",
        "relative L2 error",
        "L2 error",
        "relative",
        "L2 norm of the difference over that of PyTorch's output",
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
"""In the order of the report's columns."""
