"""Chart of confidence: each engine's loss of the metric with its interval, against the limit."""

from collections.abc import Mapping
from typing import Any

from segtrt.report import wording
from segtrt.report.chart import Chart, Spec, Table, category_height, colour_of, layout, title

Engine = Mapping[str, Any]


def how_sure(summary: Mapping[str, Any]) -> Chart | None:
    """The loss of the metric with its 95 % interval, a line for each engine.

    None where no engine has an interval.
    """
    engines = [
        one
        for one in summary["engines"]
        if one["quality"] and one["quality"]["loss_interval"] and one["verdict"] != "skipped"
    ]
    if not engines:
        return None
    metric, limit = summary["metric"], summary["recommendation"]["max_metric_loss"]
    unit = f", {metric['unit']}" if metric["unit"] else ""
    shown = _shown(engines, limit)
    return Chart(
        id="confidence",
        finding=wording.HOLLOW if summary["reference"]["doubt"] else _finding(engines, limit),
        note=f"Loss of the mean {metric['title']} against {summary['reference']['name']}, with its "
        "95 % interval: paired bootstrap over "
        f"{wording.plural(engines[0]['quality']['paired_subjects'], 'evaluation subject')}. Fewer "
        "subjects make it wider. The dashed line is the limit of the recommendation, "
        f"{limit:g} (report.max_metric_loss)."
        + (" Losses beyond the scale stand at its edge." if shown.cuts(engines) else ""),
        spec={
            "data": [_bars(one, shown) for one in engines],
            "layout": layout(
                {
                    "title": title(f"loss of mean {metric['title']}{unit}"),
                    "range": [shown.low, shown.high],
                    "tickformat": ".2~g",
                },
                {"autorange": "reversed", "type": "category"},
                category_height(len(engines)),
                shapes=[_limit_line(limit)],
            ),
        },
        table=Table(
            ["Engine", "Loss", "95 % interval", "Subjects", "Keeps the limit"],
            [
                [
                    one["name"],
                    wording.loss(one["quality"]["loss"], metric["unit"]),
                    wording.interval_ends(one["quality"], metric["unit"]),
                    str(one["quality"]["paired_subjects"]),
                    _keeps(one, limit),
                ]
                for one in engines
            ],
        ),
    )


class _Scale:
    """The part of the axis that is drawn: what is worse stands at its edge."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def at(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def cuts(self, engines: list[Engine]) -> bool:
        """Whether some engine's interval reaches beyond the scale."""
        return any(
            one["quality"]["loss_interval"]["high"] > self.high
            or one["quality"]["loss_interval"]["low"] < self.low
            for one in engines
        )


def _shown(engines: list[Engine], limit: float) -> _Scale:
    """From the lowest end to the highest, of those that passed where there are any."""
    passed = [one for one in engines if one["verdict"] == "pass"] or engines
    intervals = [one["quality"]["loss_interval"] for one in passed]
    ends = [limit, 0.0, *(one["low"] for one in intervals), *(one["high"] for one in intervals)]
    room = 0.08 * (max(ends) - min(ends)) or 1e-4
    return _Scale(min(ends) - room, max(ends) + room)


def _bars(engine: Engine, scale: _Scale) -> Spec:
    quality = engine["quality"]
    interval = quality["loss_interval"]
    middle = scale.at(quality["loss"])
    return {
        "type": "scatter",
        "mode": "markers",
        "name": engine["name"],
        "x": [middle],
        "y": [engine["name"]],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, scale.at(interval["high"]) - middle)],
            "arrayminus": [max(0.0, middle - scale.at(interval["low"]))],
            "color": colour_of(engine["runtime"]),
            "thickness": 2,
            "width": 5,
        },
        "customdata": [[f"{quality['loss']:.2g}", wording.interval_ends(quality)]],
        "hovertemplate": "%{customdata[0]} lost, 95 %: %{customdata[1]}<extra></extra>",
        "marker": {"size": 8, "color": colour_of(engine["runtime"])},
        "showlegend": False,
    }


def _limit_line(limit: float) -> Spec:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": limit,
        "x1": limit,
        "y0": 0,
        "y1": 1,
        "line": {"color": "--bad", "width": 1.5, "dash": "dash"},
    }


def _keeps(engine: Engine, limit: float) -> str:
    quality = engine["quality"]
    if quality["loss"] > limit:
        return "no"
    return "yes" if quality["loss_interval"]["high"] <= limit else "not for sure"


def _finding(engines: list[Engine], limit: float) -> str:
    reported = [_keeps(one, limit) for one in engines]
    sure, open_ones = reported.count("yes"), reported.count("not for sure")
    all_of = wording.plural(len(engines), "engine")
    words = f"{sure} of {all_of} surely {'loses' if sure == 1 else 'lose'} at most {limit:g}"
    if open_ones:
        words += f"; for {open_ones} the subjects are too few to tell"
    return words
