"""Chart of where the time of an image goes."""

from collections.abc import Mapping, Sequence
from typing import Any

from segtrt.report import wording
from segtrt.report.chart import Chart, Table, category_height, layout, title
from segtrt.report.charts_speed import timed

_STEPS = {
    "decode": "read and decode",
    "normalise": "normalise",
    "copy_in": "copy in",
    "run": "run",
    "copy_out": "copy out",
}
_STEP_FINDINGS = {
    "decode": "Reading and decoding",
    "normalise": "Normalising",
    "copy_in": "Copying to the device",
    "run": "Running the network",
    "copy_out": "Copying from the device",
}
_STEP_COLOURS = {
    "decode": "--step-1",
    "normalise": "--step-2",
    "copy_in": "--step-3",
    "run": "--step-4",
    "copy_out": "--step-5",
}


def where_time_goes(summary: Mapping[str, Any]) -> Chart | None:
    """Milliseconds per image by step, a bar an engine."""
    lines = timed(summary)
    if not lines:
        return None
    prepared = {one["name"]: one["preparation_ms"] for one in summary["machines"]}
    steps = {line.name: _per_image(line.timing, prepared[line.machine]) for line in lines}
    present = [step for step in _STEPS if any(step in own for own in steps.values())]
    names = list(steps)
    return Chart(
        id="time",
        finding=_time_finding(summary, steps),
        note="Share of the median time of one image, by step; pointing at a bar, and the table, "
        "tell milliseconds. Reading, decoding and normalising happen once for all engines, on the "
        "CPU. "
        f"An image is what the network takes: {wording.size(summary['dataset']['patch'] or [])}.",
        spec={
            "data": [
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": _STEPS[step],
                    "y": names,
                    "x": [_share(steps[name], step) for name in names],
                    "customdata": [wording.number(steps[name].get(step)) for name in names],
                    "hovertemplate": "%{customdata} ms per image, %{x:.1%}"
                    "<extra>%{fullData.name}</extra>",
                    "marker": {"color": _STEP_COLOURS[step]},
                }
                for step in present
            ],
            "layout": layout(
                {"title": title("share of an image's time"), "tickformat": ".0%", "range": [0, 1]},
                {"autorange": "reversed", "type": "category"},
                category_height(len(names)),
                barmode="stack",
                bargap=0.35,
            ),
        },
        table=Table(
            ["Engine", *(f"{_STEPS[step].capitalize()}, ms per image" for step in present)],
            [
                [name, *(wording.number(steps[name].get(step)) for step in present)]
                for name in names
            ],
        ),
    )


def _per_image(timing: Mapping[str, Any], preparation: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds per image by step, in the order of `_STEPS`."""
    own = {step: preparation[step] for step in ("decode", "normalise") if step in preparation}
    for step in ("copy_in", "run", "copy_out"):
        if timing[step]:
            own[step] = timing[step]["median"] / timing["batch_size"]
    return own


def _share(steps: Mapping[str, float], step: str) -> float | None:
    return steps[step] / sum(steps.values()) if step in steps else None


def _time_finding(summary: Mapping[str, Any], steps: Mapping[str, Mapping[str, float]]) -> str:
    choice = summary["recommendation"]
    names: Sequence[str] = [choice["engine"] or choice["closest"] or "", *steps]
    name = next(name for name in names if name in steps)
    own = steps[name]
    whole = sum(own.values())
    step = max(own, key=lambda key: own[key])
    rest = f" of the {wording.number(whole)} ms" if len(own) > 1 else ""
    share = wording.percent(own[step] / whole, 2)
    if len(own) == 1:
        return f"An image takes {wording.number(whole)} ms on {name}, all of it in the network"
    return f"{_STEP_FINDINGS[step]} takes {share}{rest} for an image on {name}"
