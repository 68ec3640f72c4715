"""Charts of speed: latency, throughput over batch size, and where the time goes."""

from collections.abc import Mapping, Sequence
from typing import Any

from segtrt.report import wording
from segtrt.report.chart import (
    DASHES,
    SERIES,
    SYMBOLS,
    Chart,
    Spec,
    Table,
    category_height,
    layout,
    log_axis,
    title,
)

Timed = tuple[str, str, str, Mapping[str, Any]]
"""Name, runtime, precision and timing."""

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


def _timed(summary: Mapping[str, Any]) -> list[Timed]:
    """PyTorch's timings, then the engines'."""
    lines: list[Timed] = [
        (f"pytorch/b{one['batch_size']}_fp32", "pytorch", "fp32", one)
        for one in summary["reference"]["timings"]
    ]
    lines += [
        (one["name"], one["runtime"], one["precision"], one["timing"])
        for one in summary["engines"]
        if one["timing"]
    ]
    return lines


def _trusted(summary: Mapping[str, Any], lines: list[Timed]) -> list[Timed]:
    """The lines of PyTorch and of the engines that passed: those a finding may praise."""
    failed = {one["name"] for one in summary["engines"] if one["verdict"] == "fail"}
    return [line for line in lines if line[0] not in failed] or lines


def latency(summary: Mapping[str, Any]) -> Chart | None:
    """Every timed run of every engine, as boxes."""
    lines = _timed(summary)
    if not lines:
        return None
    unstable = [name for name, _, _, timing in lines if not timing["stable"]]
    fastest = min(_trusted(summary, lines), key=lambda line: line[3]["total"]["median"])
    finding = (
        f"One batch takes {wording.number(fastest[3]['total']['median'])} ms at best "
        f"({fastest[0]}); "
    ) + (f"unstable: {wording.listed(unstable)}" if unstable else "all timings were stable")
    return Chart(
        id="latency",
        finding=finding,
        note="Latency of one batch, copies included, in milliseconds (logarithmic): box from the "
        "first to the third quartile of the timed runs with the median, whiskers and outliers. "
        "A star marks an unstable timing.",
        spec={
            "data": [
                {
                    "type": "box",
                    "orientation": "h",
                    "name": name,
                    "y": [_starred(name, timing)] * len(timing["samples_ms"]),
                    "x": timing["samples_ms"],
                    "boxpoints": "outliers",
                    "hovertemplate": "%{x:.4~g} ms<extra></extra>",
                    "marker": {"color": SERIES[runtime], "size": 3},
                    "line": {"width": 1.2},
                    "showlegend": False,
                }
                for name, runtime, _, timing in lines
            ],
            "layout": layout(
                {
                    "title": title("ms for one batch"),
                    **log_axis([x for line in lines for x in line[3]["samples_ms"]]),
                },
                {"autorange": "reversed", "type": "category"},
                category_height(len(lines)),
            ),
        },
        table=Table(
            [
                "Engine",
                "Median ms",
                "Mean ms",
                "Deviation ms",
                "p90 ms",
                "p99 ms",
                "Runs",
                "Stable",
            ],
            [
                [
                    name,
                    wording.number(timing["total"]["median"]),
                    wording.number(timing["total"]["mean"]),
                    wording.number(timing["total"]["std"]),
                    wording.number(timing["total"]["p90"]),
                    wording.number(timing["total"]["p99"]),
                    str(timing["iterations"]),
                    "yes" if timing["stable"] else f"no: {timing['unstable_reason']}",
                ]
                for name, _, _, timing in lines
            ],
        ),
    )


def _starred(name: str, timing: Mapping[str, Any]) -> str:
    return name if timing["stable"] else f"{name} *"


def throughput(summary: Mapping[str, Any]) -> Chart | None:
    """Images per second over batch size, a line for each runtime and precision."""
    lines = _timed(summary)
    if not lines:
        return None
    kinds: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for _, runtime, precision, timing in lines:
        kinds.setdefault((runtime, precision), []).append(timing)
    data: list[Spec] = []
    for (runtime, precision), group in kinds.items():
        timings = sorted(group, key=lambda one: one["batch_size"])
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{wording.runtime(runtime)} {precision}",
                "x": [one["batch_size"] for one in timings],
                "y": [one["images_per_second"] for one in timings],
                "hovertemplate": "batch %{x}<br>%{y:,.4~g} images/s<extra>%{fullData.name}</extra>",
                "marker": {"size": 8, "color": SERIES[runtime], "symbol": SYMBOLS[precision]},
                "line": {"width": 2, "color": SERIES[runtime], "dash": DASHES[precision]},
            }
        )
    best = max(_trusted(summary, lines), key=lambda line: line[3]["images_per_second"])
    sizes = sorted({line[3]["batch_size"] for line in lines})
    return Chart(
        id="throughput",
        finding=f"Throughput peaks at {wording.number(best[3]['images_per_second'])} images/s, "
        f"with {wording.engine_label(best[1], best[3]['batch_size'], best[2])}",
        note="Images per second (batch size over median latency) over batch size, both "
        "logarithmic.",
        spec={
            "data": data,
            "layout": layout(
                {
                    "title": title("batch size"),
                    "type": "log",
                    "tickmode": "array",
                    "tickvals": sizes,
                    "ticktext": [str(size) for size in sizes],
                },
                {
                    "title": title("images per second"),
                    **log_axis([line[3]["images_per_second"] for line in lines]),
                },
                420,
            ),
        },
        table=Table(
            ["Engine", "Batch size", "Images per second", "Median ms of a batch"],
            [
                [
                    name,
                    str(timing["batch_size"]),
                    wording.number(timing["images_per_second"]),
                    wording.number(timing["total"]["median"]),
                ]
                for name, _, _, timing in lines
            ],
        ),
    )


def where_time_goes(summary: Mapping[str, Any]) -> Chart | None:
    """Milliseconds per image by step, a bar an engine."""
    lines = _timed(summary)
    if not lines:
        return None
    preparation = summary["reference"]["preparation_ms"] or {}
    steps = {name: _per_image(timing, preparation) for name, _, _, timing in lines}
    present = [step for step in _STEPS if any(step in own for own in steps.values())]
    names = list(steps)
    prepared = (
        " Reading, decoding and normalising happen once a slice, before any engine, on the CPU."
        if preparation
        else ""
    )
    return Chart(
        id="time",
        finding=_time_finding(summary, steps),
        note=f"Share of the median time of one image, by step; pointing at a bar, and the table, "
        f"tell milliseconds.{prepared}",
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
