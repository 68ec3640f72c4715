"""Charts of quality subject by subject and class by class."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from segtrt.report import wording
from segtrt.report.chart import Chart, Table, category_height, colour_of, layout, text, title

Engine = Mapping[str, Any]

_ALL_POINTS_UP_TO = 400
"""Points up to which every subject is drawn; beyond it, boxes with their outliers."""


def metric_per_subject(summary: Mapping[str, Any]) -> Chart | None:
    """Each evaluation subject's figure, a line an engine, the reference first.

    Without ground truth, each subject's agreement with the reference.
    """
    metric, has_truth = summary["metric"], summary["reference"]["has_truth"]
    reference = [one for one in summary["reference"]["subjects"] if one["split"] == "evaluation"]
    engines = [one for one in summary["engines"] if one["subjects"]]
    if not reference or not engines:
        return None
    key = "figure" if has_truth else "agreement"
    own = [(wording.reference_label(summary), wording.REFERENCE, reference)] if has_truth else []
    lines = [*own, *((one["name"], one["runtime"], one["subjects"]) for one in engines)]
    figures = [
        (
            name,
            runtime,
            {
                entry["subject"]: float(entry[key])
                for entry in entries
                if entry["split"] == "evaluation" and entry[key] is not None
            },
        )
        for name, runtime, entries in lines
    ]
    every = sum(len(entries) for _, _, entries in figures) <= _ALL_POINTS_UP_TO
    unit = f" {metric['unit']}" if metric["unit"] else ""
    data = [
        {
            "type": "box",
            "orientation": "h",
            "name": name,
            "y": [name] * len(entries),
            "x": list(entries.values()),
            "text": [text(subject) for subject in entries],
            "hovertemplate": f"%{{text}}<br>{text(metric['title'])} %{{x:.4f}}{unit}"
            "<extra></extra>",
            "boxpoints": "all" if every else "outliers",
            "jitter": 0.35,
            "pointpos": 0,
            "marker": {"color": colour_of(runtime), "size": 5 if every else 3},
            "line": {"width": 1.2},
            "showlegend": False,
        }
        for name, runtime, entries in figures
    ]
    against = "ground truth" if has_truth else f"the labels of {summary['reference']['name']}"
    axis = f"{metric['title']} of a subject" + (f", {metric['unit']}" if metric["unit"] else "")
    return Chart(
        id="subjects",
        finding=_finding(summary, engines) if has_truth else _agreement_finding(summary, figures),
        note=f"{metric['title']} against {against} of "
        f"{wording.plural(len(reference), 'evaluation subject')} on each engine: box from the "
        "first to the third quartile with the median, "
        + ("every subject a point." if every else "points are outliers."),
        spec={
            "data": data,
            "layout": layout(
                {"title": title(axis)},
                {"autorange": "reversed", "type": "category"},
                category_height(len(figures)),
            ),
        },
        table=_table(
            [(name, entries) for name, _, entries in figures],
            [one["subject"] for one in reference],
            higher_is_better=metric["higher_is_better"],
        ),
    )


def metric_per_class(summary: Mapping[str, Any]) -> Chart | None:
    """The mean metric of each class, a line an engine; None with one class or no ground truth."""
    classes, metric = summary["classes"], summary["metric"]
    engines = [one for one in summary["engines"] if one["quality"]]
    reference = summary["reference"]["quality"]
    if len(classes) < 2 or not engines or not reference:
        return None
    lines = [(wording.reference_label(summary), wording.REFERENCE, reference["classes"])]
    lines += [(one["name"], one["runtime"], one["quality"]["classes"]) for one in engines]
    axis = f"mean {metric['title']}" + (f", {metric['unit']}" if metric["unit"] else "")
    return Chart(
        id="classes",
        finding=_class_finding(summary, engines),
        note=f"Mean {metric['title']} of the evaluation subjects for each class, a point an "
        "engine; a class that is neither in the truth nor found has no figure or a perfect one.",
        spec={
            "data": [
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "x": list(figures),
                    "y": [text(one) for one in classes],
                    "hovertemplate": f"<b>{text(name)}</b><br>%{{y}}: %{{x:.4f}}<extra></extra>",
                    "marker": {
                        "color": colour_of(runtime),
                        "size": 9,
                        "symbol": "cross" if runtime == wording.REFERENCE else "circle-open",
                    },
                    "showlegend": False,
                }
                for name, runtime, figures in lines
            ],
            "layout": layout(
                {"title": title(axis)},
                {"autorange": "reversed", "type": "category"},
                category_height(len(classes)),
            ),
        },
        table=Table(
            ["Engine", *classes],
            [[name, *(wording.score(one) for one in figures)] for name, _, figures in lines],
        ),
    )


def _lost(reference: float, own: float, *, higher_is_better: bool) -> float:
    return reference - own if higher_is_better else own - reference


def _finding(summary: Mapping[str, Any], engines: Sequence[Engine]) -> str:
    metric, name_of = summary["metric"], summary["reference"]["name"]
    if summary["reference"]["doubt"]:
        return wording.HOLLOW
    passed = [one for one in engines if one["verdict"] == "pass"]
    losses = [
        (
            _lost(
                entry["reference_figure"],
                entry["figure"],
                higher_is_better=metric["higher_is_better"],
            ),
            entry["subject"],
            one["name"],
        )
        for one in passed or engines
        for entry in one["subjects"]
        if entry["split"] == "evaluation"
        and None not in (entry["figure"], entry["reference_figure"])
    ]
    loss, subject, name = max(losses, default=(0.0, "", ""))
    if loss < 0.0005:
        whose = "an engine that passed" if passed else "any engine, though none passed"
        return f"No subject loses {metric['title']} against {name_of} on {whose}"
    which = "On engines that passed" if passed else "No engine passed: on those that were run"
    return (
        f"{which}, no subject loses more than {loss:.4f} {metric['title']} against {name_of} "
        f"({subject} on {name})"
    )


def _agreement_finding(
    summary: Mapping[str, Any], figures: Sequence[tuple[str, str, Mapping[str, float]]]
) -> str:
    metric = summary["metric"]
    every = [
        (figure, subject, name)
        for name, _, entries in figures
        for subject, figure in entries.items()
    ]
    if not every:
        return "No subject has a figure"
    figure, subject, name = min(every) if metric["higher_is_better"] else max(every)
    return (
        f"The lowest agreement with {summary['reference']['name']} is {metric['title']} "
        f"{figure:.4f} ({subject} on {name})"
    )


def _class_finding(summary: Mapping[str, Any], engines: Sequence[Engine]) -> str:
    metric = summary["metric"]
    if summary["reference"]["doubt"]:
        return wording.HOLLOW
    passed = [one for one in engines if one["verdict"] == "pass"]
    losses = [
        (_lost(theirs, own, higher_is_better=metric["higher_is_better"]), title, one["name"])
        for one in passed or engines
        for title, own, theirs in zip(
            summary["classes"],
            one["quality"]["classes"],
            one["quality"]["reference_classes"],
            strict=True,
        )
        if own is not None and theirs is not None
    ]
    loss, name, engine = max(losses, default=(0.0, "", ""))
    which = "engines that passed" if passed else "engines, of which none passed"
    if loss < 0.0005:
        return f"No class loses {metric['title']} on {which}"
    return f"On {which}, {name} loses most {metric['title']}: {loss:.4f} on {engine}"


def _table(
    lines: Sequence[tuple[str, Mapping[str, float]]],
    subjects: Sequence[str],
    *,
    higher_is_better: bool,
) -> Table:
    """Every subject where that is a readable table, else each engine's quartiles."""
    if len(lines) * len(subjects) <= _ALL_POINTS_UP_TO:
        return Table(
            ["Engine", *subjects],
            [
                [name, *(wording.score(own.get(subject)) for subject in subjects)]
                for name, own in lines
            ],
        )
    rows = []
    for name, own in lines:
        ranked = sorted(own, key=lambda subject: own[subject], reverse=not higher_is_better)
        rows.append(
            [
                name,
                wording.score(own[ranked[-1]] if ranked else None),
                wording.score(median(own.values()) if ranked else None),
                wording.score(own[ranked[0]] if ranked else None),
                ", ".join(f"{one} ({wording.score(own[one])})" for one in ranked[:3]),
            ]
        )
    return Table(["Engine", "Best", "Median", "Worst", "Worst three subjects"], rows)
