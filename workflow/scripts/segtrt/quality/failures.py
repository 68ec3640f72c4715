"""What an engine failed by: a figure and the limit that it does not keep."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LATENCY = "latency_ms"
LOSS_HIGH = "metric_loss_high"
"""Worse end of the loss's interval."""
METRIC_LOSS = "metric_loss"
NON_FINITE = "non_finite"
PRECISION_SHARE = "precision_share"
"""Share of the convolutions' work that runs in the engine's own precision."""

PAIRED_SUBJECTS = "paired_subjects"
"""Subjects that an interval of the loss can be made from."""

OTHER_FIGURES = (LATENCY, LOSS_HIGH, NON_FINITE, PAIRED_SUBJECTS, PRECISION_SHARE)
"""What an engine may fail by beside the figures of quality."""


@dataclass(frozen=True)
class Failure:
    """A figure on the wrong side of its limit."""

    figure: str
    """Name of a figure of `segtrt.quality.metric_table`, or one of `OTHER_FIGURES`."""
    value: float
    limit: float
    at_least: bool = False
    """Whether the limit is the least that is allowed, not the most."""
    of: str = ""
    """What the figure is of: the engine's precision for `PRECISION_SHARE`, the metric's title for
    its mean, its loss and what the loss's interval is made from; empty for the others."""


def failures_of(entries: Iterable[Mapping[str, Any]]) -> tuple[Failure, ...]:
    """The failures that a checked summary lists as JSON objects."""
    return tuple(Failure(**entry) for entry in entries)
