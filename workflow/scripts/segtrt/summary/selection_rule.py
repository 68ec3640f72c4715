"""Which engine to take: the one rule behind the report and `segtrt pick`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.quality.failures import LATENCY, Failure, failures_of
from segtrt.quality.loss_limit import Loss, broken_limit
from segtrt.quality.scores import Interval


@dataclass(frozen=True)
class Candidate:
    """What the rule looks at of one engine."""

    name: str
    verdict: str
    """`pass`, `fail`, `skipped` or `not_run`."""
    failures: tuple[Failure, ...]
    """What it failed validation by."""
    loss: Loss | None
    """What of the mean metric it lost against the reference; None without ground truth."""
    latency_ms: float | None
    """Median latency of one batch."""
    images_per_second: float | None

    @classmethod
    def of(cls, engine: Mapping[str, Any]) -> "Candidate":
        """The candidate that an entry of the summary's `engines` describes."""
        timing = engine["timing"]
        # A mix that lowers nothing is the float32 engine under another name.
        is_hollow = engine.get("lowered_regions") == 0
        return cls(
            name=engine["name"],
            verdict="not_run" if is_hollow else engine["verdict"],
            failures=failures_of(engine["failures"]),
            loss=_loss_of(engine["quality"]),
            latency_ms=timing["total"]["median"] if timing else None,
            images_per_second=timing["images_per_second"] if timing else None,
        )


@dataclass(frozen=True)
class Choice:
    """The rule's answer; one of `engine` and `closest` is set, if there is any engine and no
    doubt."""

    engine: str | None
    """The recommended engine."""
    closest: str | None
    """If none qualifies: the engine that came closest."""
    failures: tuple[Failure, ...]
    """What `closest` failed validation by."""
    broken: tuple[Failure, ...]
    """The limits below that `closest` does not keep."""
    max_metric_loss: float
    confident: bool
    """Whether the worse end of the loss's interval had to keep `max_metric_loss`."""
    max_latency_ms: float | None
    doubt: str
    """Why no engine is recommended whatever its figures (`ReferenceScores.doubt`); mostly empty."""
    candidates: int
    """Engines that were run and scored."""
    qualified: int
    """Engines within all limits."""

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON values."""
        answer = asdict(self)
        return {**answer, "failures": list(answer["failures"]), "broken": list(answer["broken"])}


def pick_engine(
    candidates: Sequence[Candidate],
    *,
    max_metric_loss: float,
    max_latency_ms: float | None,
    metric: str,
    confident: bool = False,
    doubt: str = "",
) -> Choice:
    """The fastest engine that passed validation and keeps the limits.

    Fastest means most images per second; of equals the one with the lower latency, then the first
    by name. If none qualifies, the closest is the one that breaks fewest limits (a failed
    validation counts as one), then the one whose worst overshoot, as a share of its limit, is
    smallest, then the fastest.

    Args:
        candidates: all engines; those that were not run are never chosen.
        max_metric_loss: most of the mean metric that it may lose against the reference; without
            ground truth it limits nothing.
        max_latency_ms: longest median latency of one batch, or None for no limit.
        metric: the metric's title.
        confident: whether the worse end of the 95 % interval of the loss must keep its limit.
        doubt: why none is to be recommended; empty if nothing stands against it.

    Raises:
        SegtrtError: a figure of an engine is infinite or not a number.
    """
    judged = []
    for one in candidates:
        if one.verdict not in ("pass", "fail") or not one.latency_ms or not one.images_per_second:
            continue
        _refuse_non_finite(one)
        broken = _broken(one, max_metric_loss, max_latency_ms, confident=confident, metric=metric)
        overshoot = max(map(_overshoot, broken), default=0.0)
        count = len(broken) + (one.verdict == "fail")
        order = (count, overshoot, -one.images_per_second, one.latency_ms, one.name)
        judged.append((order, one, broken))
    best = min(judged, key=lambda entry: entry[0], default=None)
    qualified = sum(order[0] == 0 for order, _, _ in judged)
    return Choice(
        engine=best[1].name if best and qualified and not doubt else None,
        closest=best[1].name if best and not qualified and not doubt else None,
        failures=best[1].failures if best and not doubt else (),
        broken=best[2] if best and not doubt else (),
        max_metric_loss=max_metric_loss,
        confident=confident,
        max_latency_ms=max_latency_ms,
        doubt=doubt,
        candidates=len(judged),
        qualified=qualified,
    )


def _loss_of(quality: Mapping[str, Any] | None) -> Loss | None:
    if not quality:
        return None
    interval = quality["loss_interval"]
    return Loss(
        quality["loss"], Interval(**interval) if interval else None, quality["paired_subjects"]
    )


def _refuse_non_finite(one: Candidate) -> None:
    """Refuse figures that no comparison would find fault with."""
    figures = {
        "metric_loss": one.loss.value if one.loss else None,
        "latency_ms": one.latency_ms,
        "images_per_second": one.images_per_second,
    }
    for name, value in figures.items():
        if value is not None and not math.isfinite(value):
            raise SegtrtError(
                f"engine {one.name} has {name} {value}, expected a number; delete its scores and "
                "timing and run the workflow again"
            )


def _broken(
    one: Candidate,
    max_metric_loss: float,
    max_latency_ms: float | None,
    *,
    confident: bool,
    metric: str,
) -> tuple[Failure, ...]:
    """The limits that an engine breaks."""
    lost = one.loss and broken_limit(one.loss, max_metric_loss, confident=confident, metric=metric)
    late = None
    if max_latency_ms is not None and one.latency_ms is not None:
        late = one.latency_ms > max_latency_ms and Failure(LATENCY, one.latency_ms, max_latency_ms)
    return tuple(failure for failure in (lost, late) if failure)


def _overshoot(failure: Failure) -> float:
    """How far a figure is beyond its limit, as a share of it."""
    beyond = failure.value - failure.limit
    # A limit of zero has no share; the tiny floor keeps the order of the overshoots.
    return (-beyond if failure.at_least else beyond) / max(failure.limit, 1e-9)
