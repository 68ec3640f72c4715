"""What regions lose as a table, the worst first."""

from collections.abc import Sequence

from segtrt.quality.sensitivity import Loss, Outcome, Sensitivity


def worst_first(sensitivities: Sequence[Sensitivity]) -> list[Sensitivity]:
    """Those that were measured, by loss of the metric, then by flipped pixels, then by outputs."""
    measured = [one for one in sensitivities if one.loss is not None]
    return sorted(measured, key=lambda one: (_badness(one.loss), -one.region), reverse=True)


def _badness(loss: Loss | None) -> tuple[float, float, float, float]:
    assert loss is not None, "measured"
    lost = loss.metric_loss or 0.0
    return loss.non_finite, round(lost, 4), loss.flipped_fraction, loss.relative_l2


def blame_table(sensitivities: Sequence[Sensitivity], metric: str, unit: str) -> str:
    """The table as text, and what is not in it, in lines below.

    Args:
        sensitivities: every region in every precision.
        metric: the metric's title.
        unit: its unit, maybe empty.
    """
    ranked = worst_first(sensitivities)
    lost = f"{metric} lost{f', {unit}' if unit else ''}"
    head = ("region", "precision", lost, "flipped, %", "relative L2")
    rows = [head, *(_row(one) for one in ranked)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    subjects = max((one.loss.subjects for one in ranked if one.loss), default=0)
    if subjects:
        lines.append(
            f"each alone in its precision, on {subjects} search subject{'s'[: subjects > 1]}"
        )
    for graph in dict.fromkeys(one.graph for one in sensitivities):
        own = [one for one in sensitivities if one.graph is graph]
        same = [one.name for one in own if one.outcome is Outcome.UNCHANGED]
        if same:
            lines.append(f"{graph} leaves in float32: {', '.join(same)}")
        reasons = dict.fromkeys(one.reason for one in own if one.outcome is Outcome.UNAVAILABLE)
        lines += [f"{graph} cannot be had: {reason}" for reason in reasons]
    return "\n".join(lines)


def _row(one: Sensitivity) -> tuple[str, ...]:
    loss = one.loss
    assert loss is not None, "measured"
    lost = "-" if loss.metric_loss is None else f"{loss.metric_loss:+.4f}"
    return (
        f"{one.region + 1} {one.name}",
        str(one.graph),
        lost,
        f"{100 * loss.flipped_fraction:.4f}",
        f"{loss.relative_l2:.5f}" + (f" ({loss.non_finite} not finite)" if loss.non_finite else ""),
    )
