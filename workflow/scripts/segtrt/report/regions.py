"""The network as a strip: what each region loses alone in low precision."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segtrt.report import wording

LEVELS = 6
"""Shades, the darkest last; 0 is none."""


@dataclass(frozen=True)
class Cell:
    """One region in one precision."""

    level: int
    """Shade, 0 to `LEVELS`."""
    text: str
    detail: str
    """All figures, for who points at it."""
    is_worst: bool


@dataclass(frozen=True)
class Row:
    """One precision."""

    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class Strip:
    """The picture."""

    title: str
    regions: list[str]
    rows: list[Row]
    legend: str
    notes: list[str]


def make_strip(summary: Mapping[str, Any]) -> Strip | None:
    """The picture of a summary; None where no regions were judged."""
    search = summary.get("precision_search")
    if not search or not any(cell["loss"] for row in search["rows"] for cell in row["cells"]):
        return None
    metric, limit = summary["metric"], summary["recommendation"]["max_metric_loss"]
    has_truth = summary["reference"]["has_truth"]
    figure = "metric_loss" if has_truth else "flipped_fraction"
    badness = {
        (row["graph"], place): _badness(cell["loss"], figure)
        for row in search["rows"]
        for place, cell in enumerate(row["cells"])
        if cell["loss"]
    }
    worst = max(badness, key=lambda key: badness[key])
    top = max(limit if has_truth else 0.0, badness[worst][1]) or 1.0
    names = [region["name"] for region in search["regions"]]
    rows = [
        Row(
            row["label"],
            [
                _cell(cell, badness.get((row["graph"], place)), top, figure, metric["unit"])
                if (row["graph"], place) != worst
                else _cell(cell, badness[worst], top, figure, metric["unit"], is_worst=True)
                for place, cell in enumerate(row["cells"])
            ],
        )
        for row in search["rows"]
    ]
    unit = f" {metric['unit']}" if metric["unit"] else ""
    what = f"{metric['title']} lost" if has_truth else "share of pixels that differ"
    label = next(row["label"] for row in search["rows"] if row["graph"] == worst[0])
    return Strip(
        title=_title(names[worst[1]], label, badness[worst], limit if has_truth else None),
        regions=names,
        rows=rows,
        legend=f"Colour: {what}, from none to {top:.3g}{unit}"
        + (" (the limit of the recommendation)." if has_truth and top == limit else "."),
        notes=_notes(search),
    )


def _badness(loss: Mapping[str, Any], figure: str) -> tuple[int, float, float, float]:
    """How bad a loss is, the worse the larger; not finite is the worst."""
    lost = max(0.0, loss[figure] or 0.0)
    return loss["non_finite"], round(lost, 6), loss["flipped_fraction"], loss["relative_l2"]


def _cell(
    cell: Mapping[str, Any],
    badness: tuple[int, float, float, float] | None,
    top: float,
    figure: str,
    unit: str,
    *,
    is_worst: bool = False,
) -> Cell:
    loss = cell["loss"]
    if loss is None or badness is None:
        shown = {"unchanged": "float32"}.get(cell["outcome"], wording.MISSING)
        reason = "this precision leaves it in float32" if shown == "float32" else cell["reason"]
        return Cell(0, shown, reason, False)
    wrong, lost, flipped, relative = badness
    level = LEVELS if wrong else math.ceil(LEVELS * math.sqrt(min(1.0, lost / top)) - 1e-9)
    shown = (
        wording.loss(loss["metric_loss"], unit)
        if figure == "metric_loss"
        else wording.percent(flipped, 2)
    )
    detail = (
        f"{wording.percent(flipped, 2)} of pixels differ, outputs by {wording.number(relative, 2)} "
        "of their norm"
    )
    if wrong:
        detail = f"{wording.plural(wrong, 'value')} not finite; {detail}"
    return Cell(level, shown, detail, is_worst)


def _title(
    region: str, precision: str, badness: tuple[int, float, float, float], limit: float | None
) -> str:
    wrong, lost, *_ = badness
    if limit is not None and not wrong and lost < limit / 10:
        return "No region by itself loses a tenth of what is allowed"
    return f"{region} loses most, in {precision}"


def _notes(search: Mapping[str, Any]) -> list[str]:
    """What a reader should know of how it was found."""
    notes = [
        f"Each region alone in low precision, all others in float32, on "
        f"{wording.plural(search['subjects'], 'search subject')} that no score counts."
    ]
    methods = {cell["method"] for row in search["rows"] for cell in row["cells"]}
    if "codes" in methods:
        notes.append(
            "8-bit regions are run through their own codes, operator by operator, on any machine."
        )
    if "rounding" in methods:
        notes.append(
            "Short floats are emulated by rounding weights and results; an engine may round "
            "elsewhere."
        )
    for row in search["rows"]:
        reasons = dict.fromkeys(
            cell["reason"] for cell in row["cells"] if cell["outcome"] == "unavailable"
        )
        notes += [f"{row['label']}: {reason}" for reason in reasons]
    return notes
