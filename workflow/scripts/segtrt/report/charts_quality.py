"""Chart of quality: the metric against speed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segtrt.precision import Precision
from segtrt.report import wording
from segtrt.report.chart import (
    Chart,
    Spec,
    Table,
    colour_of,
    group_of,
    layout,
    legend_note,
    log_axis,
    marker,
    text,
    title,
)
from segtrt.report.machines import several, shown

Engine = Mapping[str, Any]


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
    """The mean metric over images per second, with the Pareto front of the engines that passed.

    None without ground truth.
    """
    metric = summary["metric"]
    engines = [one for one in summary["engines"] if one["timing"] and one["quality"]]
    if not engines:
        return None
    passed = [one for one in engines if one["verdict"] == "pass"]
    sign = 1 if metric["higher_is_better"] else -1
    front = pareto_front(
        [
            (one["name"], one["timing"]["images_per_second"], sign * one["quality"]["mean"])
            for one in passed
        ]
    )
    by_name = {one["name"]: one for one in engines}
    reference = summary["reference"]
    floor = _floor(passed or engines, reference, metric)
    data: list[Spec] = (
        [_front_line([by_name[name] for name in front], floor)] if len(front) > 1 else []
    )
    kinds: dict[tuple[str, str, str], list[Engine]] = {}
    for one in engines:
        kinds.setdefault((one["machine"], one["runtime"], one["precision"]), []).append(one)
    data += [_points(summary, kind, group, floor) for kind, group in kinds.items()]
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
    if reference["quality"]:
        data += [_reference_points(summary, one) for one in summary["machines"] if one["timings"]]
    if several(summary):
        data = [{"legendgroup": " ", **one} for one in data]  # what is no machine's, together
    return Chart(
        id="quality",
        finding=wording.HOLLOW
        if reference["doubt"]
        else _quality_finding(by_name, front, failed, metric["title"]),
        note=f"Mean {metric['title']} of the evaluation subjects over images per second "
        "(logarithmic); the number at a point is its batch size. "
        f"{'Up' if metric['higher_is_better'] else 'Down'} and to the right is better. The line "
        "joins the "
        "engines that passed and that no other one beats in both (Pareto front)."
        + (" Failed engines beyond the scale stand at its edge." if failed else "")
        + legend_note(summary, "filling"),
        spec={
            "data": data,
            "layout": layout(
                {"title": title("images per second"), **log_axis(_speeds(engines, summary))},
                {"title": title(_axis(metric)), "tickformat": ".4~f"},
                460,
                grouped=data if several(summary) else (),
            ),
        },
        table=Table(
            [
                "Engine",
                "Images per second",
                f"Mean {metric['title']}",
                "Loss",
                "On the front",
                "Verdict",
            ],
            [
                [
                    one["name"],
                    wording.number(one["timing"]["images_per_second"]),
                    wording.score(one["quality"]["mean"], metric["unit"]),
                    wording.loss(one["quality"]["loss"], metric["unit"]),
                    "yes" if one["name"] in front else "no",
                    wording.VERDICTS[one["verdict"]],
                ]
                for one in engines
            ],
        ),
    )


def _quality_finding(
    by_name: Mapping[str, Engine], front: Sequence[str], failed: Sequence[Engine], metric: str
) -> str:
    if not front:
        return "No engine passed validation"
    fastest = by_name[front[-1]]
    loss = fastest["quality"]["loss"]
    cost = (
        f"loses {loss:.4f} {metric}"
        if loss >= 0.00005
        else f"gains {-loss:.4f} {metric}"
        if loss <= -0.00005
        else f"loses no {metric}"
    )
    speed = wording.number(fastest["timing"]["images_per_second"])
    rest = f"; {wording.plural(len(failed), 'engine')} failed" if failed else ""
    return (
        f"The fastest engine that passed, {fastest['name']}, does {speed} images/s and {cost}{rest}"
    )


@dataclass(frozen=True)
class _Scale:
    """Where the scale of the metric ends on its worse side."""

    edge: float
    higher_is_better: bool

    def shown(self, value: float) -> float:
        """A figure, moved to the edge if it is worse."""
        return max(self.edge, value) if self.higher_is_better else min(self.edge, value)


def _floor(
    engines: Sequence[Engine], reference: Mapping[str, Any], metric: Mapping[str, Any]
) -> _Scale:
    """A little beyond the worst of `engines` and of the reference."""
    values = [one["quality"]["mean"] for one in engines]
    values += [reference["quality"]["mean"]] if reference["quality"] else []
    room = max(0.0005, 0.25 * (max(values) - min(values)))
    if not metric["higher_is_better"]:
        return _Scale(max(values) + room, False)
    edge = min(values) - room
    return _Scale(edge if metric["unit"] else max(0.0, edge), True)


def _axis(metric: Mapping[str, Any]) -> str:
    return f"mean {metric['title']}" + (f", {metric['unit']}" if metric["unit"] else "")


def _speeds(engines: Sequence[Engine], summary: Mapping[str, Any]) -> list[float]:
    timings = [one["timing"] for one in engines]
    timings += [timing for machine in summary["machines"] for timing in machine["timings"]]
    return [timing["images_per_second"] for timing in timings]


def _xy(engines: Sequence[Engine], floor: _Scale) -> Spec:
    return {
        "x": [one["timing"]["images_per_second"] for one in engines],
        "y": [floor.shown(one["quality"]["mean"]) for one in engines],
    }


def _points(
    summary: Mapping[str, Any], kind: tuple[str, str, str], engines: Sequence[Engine], floor: _Scale
) -> Spec:
    machine, runtime, precision = kind
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": wording.series_label(runtime, precision, shown(summary, machine)),
        **group_of(shown(summary, machine)),
        **_xy(engines, floor),
        "text": [str(one["batch_size"]) for one in engines],
        "textposition": "top center",
        "textfont": {"size": 10, "color": "--muted"},
        "customdata": [
            [one["name"], wording.score(one["quality"]["mean"], summary["metric"]["unit"])]
            for one in engines
        ],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{x:,.4~g} images/s<br>"
        f"{text(summary['metric']['title'])} %{{customdata[1]}}<extra></extra>",
        "marker": {"size": 10, **marker(summary, machine, runtime, precision)},
    }


def _front_line(engines: Sequence[Engine], floor: _Scale) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Pareto front",
        **_xy(engines, floor),
        "hoverinfo": "skip",
        "line": {"color": "--muted", "width": 1.5, "dash": "dash"},
    }


def _marks(
    engines: Sequence[Engine], floor: _Scale, *, name: str, symbol: str, colour: str, size: int
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


def _reference_points(summary: Mapping[str, Any], machine: Mapping[str, Any]) -> Spec:
    name, timings = shown(summary, machine["name"]), machine["timings"]
    looks = (
        marker(summary, name, wording.REFERENCE, Precision.FP32)
        if name
        else {"color": colour_of(wording.REFERENCE), "symbol": "cross"}
    )
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": wording.reference_label(summary, name),
        **group_of(name),
        "x": [one["images_per_second"] for one in timings],
        "y": [summary["reference"]["quality"]["mean"]] * len(timings),
        "text": [str(one["batch_size"]) for one in timings],
        "textposition": "bottom center",
        "textfont": {"size": 10, "color": "--muted"},
        "hovertemplate": f"<b>{summary['reference']['name']}{wording.on(name)}</b><br>"
        f"%{{x:,.4~g}} images/s<br>{text(summary['metric']['title'])} %{{y:.4f}}<extra></extra>",
        "marker": {"size": 10, **looks},
    }
