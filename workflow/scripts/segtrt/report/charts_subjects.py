"""Chart of quality subject by subject."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from segtrt.precision import Precision
from segtrt.report import wording
from segtrt.report.chart import Chart, Table, category_height, colour_of, layout, text, title

Engine = Mapping[str, Any]

_ALL_POINTS_UP_TO = 400
"""Points up to which every subject is drawn; beyond it, boxes with their outliers."""


def dice_per_subject(summary: Mapping[str, Any]) -> Chart | None:
    """Each evaluation subject's Dice, a line an engine, PyTorch first."""
    reference = [one for one in summary["reference"]["subjects"] if one["split"] == "evaluation"]
    engines = [one for one in summary["engines"] if one["subjects"]]
    if not reference or not engines:
        return None
    lines = [(wording.series_label(wording.PYTORCH, Precision.FP32), wording.PYTORCH, reference)]
    for one in engines:
        scored = [entry for entry in one["subjects"] if entry["split"] == "evaluation"]
        lines.append((one["name"], one["runtime"], scored))
    every = sum(len(entries) for _, _, entries in lines) <= _ALL_POINTS_UP_TO
    data = [
        {
            "type": "box",
            "orientation": "h",
            "name": name,
            "y": [name] * len(entries),
            "x": [entry["dice"] for entry in entries],
            "text": [text(entry["subject"]) for entry in entries],
            "hovertemplate": "%{text}<br>Dice %{x:.4f}<extra></extra>",
            "boxpoints": "all" if every else "outliers",
            "jitter": 0.35,
            "pointpos": 0,
            "marker": {"color": colour_of(runtime), "size": 5 if every else 3},
            "line": {"width": 1.2},
            "showlegend": False,
        }
        for name, runtime, entries in lines
    ]
    return Chart(
        id="subjects",
        finding=_subject_finding(engines),
        note=f"Dice against ground truth of {wording.plural(len(reference), 'evaluation subject')}"
        " on each engine: box from the first to the third quartile with the median, "
        + ("every subject a point." if every else "points are outliers."),
        spec={
            "data": data,
            "layout": layout(
                {"title": title("Dice of a subject")},
                {"autorange": "reversed", "type": "category"},
                category_height(len(lines)),
            ),
        },
        table=_subject_table(lines),
    )


def _subject_finding(engines: Sequence[Engine]) -> str:
    passed = [one for one in engines if one["verdict"] == "pass"]
    loss, subject, name = max(
        (entry["reference_dice"] - entry["dice"], entry["subject"], one["name"])
        for one in passed or engines
        for entry in one["subjects"]
        if entry["split"] == "evaluation"
    )
    if loss < 0.0005:
        whose = "an engine that passed" if passed else "any engine, though none passed"
        return f"No subject loses Dice against PyTorch on {whose}"
    which = "On engines that passed" if passed else "No engine passed: on those that were run"
    return (
        f"{which}, no subject loses more than {loss:.4f} Dice against PyTorch ({subject} on {name})"
    )


def _subject_table(lines: Sequence[tuple[str, str, Sequence[Mapping[str, Any]]]]) -> Table:
    """Every subject where that is a readable table, else each engine's quartiles."""
    if len(lines) * len(lines[0][2]) <= _ALL_POINTS_UP_TO:
        names = [entry["subject"] for entry in lines[0][2]]
        rows = []
        for name, _, entries in lines:
            own = {entry["subject"]: entry["dice"] for entry in entries}
            rows.append([name, *(wording.dice(own.get(subject)) for subject in names)])
        return Table(["Engine", *names], rows)
    rows = []
    for name, _, entries in lines:
        ranked = sorted(entries, key=lambda entry: entry["dice"])
        rows.append(
            [
                name,
                wording.dice(ranked[-1]["dice"]),
                wording.dice(median(entry["dice"] for entry in ranked)),
                wording.dice(ranked[0]["dice"]),
                ", ".join(f"{one['subject']} ({wording.dice(one['dice'])})" for one in ranked[:3]),
            ]
        )
    return Table(["Engine", "Best", "Median", "Worst", "Worst three subjects"], rows)
