"""Whether a loss of the metric keeps its limit, as measured or with confidence."""

from dataclasses import dataclass

from segtrt.quality.failures import LOSS_HIGH, METRIC_LOSS, PAIRED_SUBJECTS, Failure
from segtrt.quality.scores import Interval

LEAST_SUBJECTS = 2
"""Fewest subjects that an interval can be made from."""


@dataclass(frozen=True)
class Loss:
    """An engine's loss of the metric against the reference."""

    value: float
    """Of the mean; negative if it gained."""
    interval: Interval | None
    """Its 95 % interval; None if there can be none."""
    paired_subjects: int
    """Subjects with a figure of both the engine and the reference."""


def broken_limit(loss: Loss, limit: float, *, confident: bool, metric: str) -> Failure | None:
    """What is wrong with a loss; None if it keeps its limit.

    Args:
        loss: the loss.
        limit: the most that is allowed.
        confident: whether the worse end of the interval must keep the limit, and not the measured
            loss alone. A loss without an interval then breaks it: nothing shows that it holds.
        metric: the metric's title.
    """
    # What is not a number keeps no limit.
    if not loss.value <= limit:
        return Failure(METRIC_LOSS, loss.value, limit, of=metric)
    if not confident:
        return None
    if loss.interval is None:
        found = loss.paired_subjects
        return Failure(PAIRED_SUBJECTS, found, LEAST_SUBJECTS, at_least=True, of=metric)
    worse = loss.interval.high
    return None if worse <= limit else Failure(LOSS_HIGH, worse, limit, of=metric)
