"""Failures in words: the one place that says them, for the terminal, the report and the table."""

from collections.abc import Sequence

from segtrt.quality.failures import (
    LATENCY,
    LOSS_HIGH,
    NON_FINITE,
    PAIRED_SUBJECTS,
    PRECISION_SHARE,
    Failure,
)
from segtrt.quality.metric_table import METRICS

_FIGURES = {
    LATENCY: ("latency", " ms"),
    LOSS_HIGH: ("worse end of the 95 % interval of the loss of {metric}", ""),
    PAIRED_SUBJECTS: ("subjects for a 95 % interval of the loss of {metric}:", ""),
    NON_FINITE: ("values that are not finite", ""),
    **{metric.name: (metric.phrase, "") for metric in METRICS},
}
"""Figure -> what it is, and its unit after a value."""


def in_words(failure: Failure) -> str:
    """A failure as words, e.g. `loss of Dice 0.03, limit 0.02`."""
    value, limit = _number(failure.value), f"{failure.limit:g}"
    if failure.figure == PRECISION_SHARE:
        return f"{value} of the convolutions run in {failure.of}, at least {limit} expected"
    what, unit = _FIGURES.get(failure.figure, (failure.figure.replace("_", " "), ""))
    what = what.format(metric=failure.of or "the metric")
    if failure.at_least:
        return f"{what} {value}{unit}, at least {limit}{unit} expected"
    return f"{what} {value}{unit}, limit {limit}{unit}"


def all_in_words(failures: Sequence[Failure]) -> str:
    """Several failures in one line."""
    return "; ".join(map(in_words, failures))


def broken_limits(failed: Sequence[Failure], broken: Sequence[Failure]) -> list[str]:
    """What keeps an engine from being recommended, a line each.

    Args:
        failed: what it failed validation by; together one line.
        broken: the recommendation's limits that it does not keep.
    """
    validation = [f"validation: {all_in_words(failed)}"] if failed else []
    return [*validation, *map(in_words, broken)]


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"
