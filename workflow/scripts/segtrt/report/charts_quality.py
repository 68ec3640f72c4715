"""Charts of quality: Dice against speed, and Dice subject by subject."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from segtrt.report import wording
from segtrt.report.chart import (
    SERIES,
    SYMBOLS,
    Chart,
    Spec,
    Table,
    category_height,
    layout,
    log_axis,
    text,
    title,
)

Engine = Mapping[str, Any]

_ALL_POINTS_UP_TO = 400
"""Points up to which every subject is drawn; beyond it, boxes with their outliers."""


def pareto_front(points: Sequence[tuple[str, float, float]]) -> list[str]:
    """Names of the points that no other beats in one figure without losing in the other.

    Args:
        points: (name, speed, quality), more is better in both.

    Returns:
        Names from the slowest to the fastest; of equal points all are kept.
    """
    front: list[tuple[str, float, float]] = []
    best = float("-inf")
    ranked = sorted(points, key=lambda point: (-point[1], -point[2], point[0]))
    for point in ranked:
        if point[2] > best or (front and point[1:] == front[-1][1:]):
            front.append(point)
            best = max(best, point[2])
    return [name for name, _, _ in reversed(front)]


def quality_against_speed(summary: Mapping[str, Any]) -> Chart | None:
    """Mean Dice over images per second, with the Pareto front of the engines that passed."""
    engines = [one for one in summary["engines"] if one["timing"] and one["dice"]]
    if not engines:
        return None
    passed = [one for one in engines if one["verdict"] == "pass"]
    front = pareto_front(
        [(one["name"], one["timing"]["images_per_second"], one["dice"]["mean"]) for one in passed]
    )
    by_name = {one["name"]: one for one in engines}
    data: list[Spec] = [_front_line([by_name[name] for name in front])] if len(front) > 1 else []
    reference = summary["reference"]
    floor = _floor(passed or engines, reference)
    kinds: dict[tuple[str, str], list[Engine]] = {}
    for one in engines:
        kinds.setdefault((one["runtime"], one["precision"]), []).append(one)
    data += [_points(*kind, group, floor) for kind, group in kinds.items()]
    failed = [one for one in engines if one["verdict"] == "fail"]
    if failed:
        data.append(_marks(failed, floor, name="failed", symbol="x-thin", colour="--bad", size=15))
    chosen = summary["recommendation"]["engine"]
    if chosen:
        data.append(
            _marks(
                [by_name[chosen]],
                floor,
                name="recommended",
                symbol="circle-open",
                colour="--ink",
                size=22,
            )
        )
    if reference["dice"] and reference["timings"]:
        data.append(_reference_points(reference))
    return Chart(
        id="quality",
        finding=_quality_finding(by_name, front, failed),
        note="Mean Dice of the evaluation subjects over images per second (logarithmic); the "
        "number at a point is its batch size. Up and to the right is better. The line joins the "
        "engines that passed and that no other one beats in both (Pareto front)."
        + (" Failed engines below the scale stand at its foot." if failed else ""),
        spec={
            "data": data,
            "layout": layout(
                {"title": title("images per second"), **log_axis(_speeds(engines, reference))},
                {"title": title("mean Dice"), "tickformat": ".4~f"},
                460,
            ),
        },
        table=Table(
            ["Engine", "Images per second", "Mean Dice", "Dice loss", "On the front", "Verdict"],
            [
                [
                    one["name"],
                    wording.number(one["timing"]["images_per_second"]),
                    wording.dice(one["dice"]["mean"]),
                    wording.dice_loss(one["dice"]["dice_loss"]),
                    "yes" if one["name"] in front else "no",
                    wording.VERDICTS[one["verdict"]],
                ]
                for one in engines
            ],
        ),
    )


def _quality_finding(
    by_name: Mapping[str, Engine], front: Sequence[str], failed: Sequence[Engine]
) -> str:
    if not front:
        return "No engine passed validation"
    fastest = by_name[front[-1]]
    loss = fastest["dice"]["dice_loss"]
    cost = (
        f"loses {loss:.4f} Dice"
        if loss >= 0.00005
        else f"gains {-loss:.4f} Dice"
        if loss <= -0.00005
        else "loses no Dice"
    )
    speed = wording.number(fastest["timing"]["images_per_second"])
    rest = f"; {wording.plural(len(failed), 'engine')} failed" if failed else ""
    return (
        f"The fastest engine that passed, {fastest['name']}, does {speed} images/s and {cost}{rest}"
    )


def _floor(engines: Sequence[Engine], reference: Mapping[str, Any]) -> float:
    """Foot of the Dice scale: a little below the worst of `engines` and of PyTorch."""
    values = [one["dice"]["mean"] for one in engines]
    values += [reference["dice"]["mean"]] if reference["dice"] else []
    return float(max(0.0, min(values) - max(0.0005, 0.25 * (max(values) - min(values)))))


def _speeds(engines: Sequence[Engine], reference: Mapping[str, Any]) -> list[float]:
    timings = [*(one["timing"] for one in engines), *reference["timings"]]
    return [timing["images_per_second"] for timing in timings]


def _xy(engines: Sequence[Engine], floor: float) -> Spec:
    return {
        "x": [one["timing"]["images_per_second"] for one in engines],
        "y": [max(floor, one["dice"]["mean"]) for one in engines],
    }


def _points(runtime: str, precision: str, engines: Sequence[Engine], floor: float) -> Spec:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": f"{wording.runtime(runtime)} {precision}",
        **_xy(engines, floor),
        "text": [str(one["batch_size"]) for one in engines],
        "textposition": "top center",
        "textfont": {"size": 10, "color": "--muted"},
        "customdata": [[one["name"], wording.dice(one["dice"]["mean"])] for one in engines],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{x:,.4~g} images/s<br>Dice %{customdata[1]}"
        "<extra></extra>",
        "marker": {"size": 10, "color": SERIES[runtime], "symbol": SYMBOLS[precision]},
    }


def _front_line(engines: Sequence[Engine]) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Pareto front",
        **_xy(engines, 0.0),
        "hoverinfo": "skip",
        "line": {"color": "--muted", "width": 1.5, "dash": "dash"},
    }


def _marks(
    engines: Sequence[Engine], floor: float, *, name: str, symbol: str, colour: str, size: int
) -> Spec:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        **_xy(engines, floor),
        "hoverinfo": "skip",
        "marker": {
            "size": size,
            "symbol": symbol,
            "color": colour,
            "line": {"width": 2, "color": colour},
        },
    }


def _reference_points(reference: Mapping[str, Any]) -> Spec:
    timings = reference["timings"]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "PyTorch fp32",
        "x": [one["images_per_second"] for one in timings],
        "y": [reference["dice"]["mean"]] * len(timings),
        "text": [str(one["batch_size"]) for one in timings],
        "textposition": "bottom center",
        "textfont": {"size": 10, "color": "--muted"},
        "hovertemplate": "<b>PyTorch</b><br>%{x:,.4~g} images/s<br>Dice %{y:.4f}<extra></extra>",
        "marker": {"size": 10, "color": SERIES["pytorch"], "symbol": "cross"},
    }


def dice_per_subject(summary: Mapping[str, Any]) -> Chart | None:
    """Each evaluation subject's Dice, a line an engine, PyTorch first."""
    reference = [one for one in summary["reference"]["subjects"] if one["split"] == "evaluation"]
    engines = [one for one in summary["engines"] if one["subjects"]]
    if not reference or not engines:
        return None
    lines = [("PyTorch fp32", "pytorch", reference)]
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
            "marker": {"color": SERIES[runtime], "size": 5 if every else 3},
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
    loss, subject, name = max(
        (entry["reference_dice"] - entry["dice"], entry["subject"], one["name"])
        for one in [one for one in engines if one["verdict"] == "pass"] or engines
        for entry in one["subjects"]
        if entry["split"] == "evaluation"
    )
    if loss < 0.0005:
        return "No subject loses Dice against PyTorch on an engine that passed"
    return (
        f"On engines that passed, no subject loses more than {loss:.4f} Dice against PyTorch "
        f"({subject} on {name})"
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
