"""What an engine failed by: a figure and the limit that it does not keep."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PRECISION_SHARE = "precision_share"
"""Share of the convolutions' work in the engine's own precision: the one figure with a least."""


@dataclass(frozen=True)
class Failure:
    """A figure above its limit; for `precision_share`, below it."""

    figure: str
    """`max_abs_error`, `flipped_fraction`, `dice_loss`, `non_finite`, `latency_ms` or
    `precision_share`."""
    value: float
    limit: float
    precision: str | None = None
    """The engine's precision, for `precision_share` only."""


def failures_of(entries: Iterable[Mapping[str, Any]]) -> tuple[Failure, ...]:
    """The failures that a checked summary lists as JSON objects."""
    return tuple(Failure(**entry) for entry in entries)
