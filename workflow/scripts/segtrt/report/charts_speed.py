"""Charts of speed: latency, throughput over batch size, and where the time goes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from segtrt.precision import Precision
from segtrt.report import wording
from segtrt.report.chart import (
    Chart,
    Spec,
    Table,
    category_height,
    colour_of,
    dash,
    group_of,
    layout,
    log_axis,
    looks_told,
    marker,
    title,
)
from segtrt.report.machines import reference_name, several, shown


class Timed(NamedTuple):
    """The reference or an engine, with its timing."""

    name: str
    machine: str
    runtime: str
    precision: str
    timing: Mapping[str, Any]


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
    """Machine by machine the reference's timings, then the engines'."""
    lines: list[Timed] = []
    for machine in summary["machines"]:
        name = machine["name"]
        lines += [
            Timed(
                reference_name(summary, name, one["batch_size"]),
                name,
                wording.REFERENCE,
                Precision.FP32,
                one,
            )
            for one in machine["timings"]
        ]
        lines += [
            Timed(one["name"], name, one["runtime"], one["precision"], one["timing"])
            for one in summary["engines"]
            if one["timing"] and one["machine"] == name
        ]
    return lines


def _trusted(summary: Mapping[str, Any], lines: list[Timed]) -> list[Timed]:
    """The lines of the reference and of the engines that passed: those a finding may praise."""
    failed = {one["name"] for one in summary["engines"] if one["verdict"] == "fail"}
    return [line for line in lines if line.name not in failed] or lines


def latency(summary: Mapping[str, Any]) -> Chart | None:
    """Every timed run of every engine, as boxes."""
    lines = _timed(summary)
    if not lines:
        return None
    unstable = [line.name for line in lines if not line.timing["stable"]]
    fastest = min(_trusted(summary, lines), key=lambda line: line.timing["total"]["median"])
    finding = (
        f"One batch takes {wording.number(fastest.timing['total']['median'])} ms at best "
        f"({fastest.name}); "
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
                    "name": line.name,
                    "y": [_starred(line)] * len(line.timing["samples_ms"]),
                    "x": line.timing["samples_ms"],
                    "boxpoints": "outliers",
                    "hovertemplate": "%{x:.4~g} ms<extra></extra>",
                    "marker": {"color": colour_of(line.runtime), "size": 3},
                    "line": {"width": 1.2},
                    "showlegend": False,
                }
                for line in lines
            ],
            "layout": layout(
                {
                    "title": title("ms for one batch"),
                    **log_axis([x for line in lines for x in line.timing["samples_ms"]]),
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
                    line.name,
                    wording.number(timing["total"]["median"]),
                    wording.number(timing["total"]["mean"]),
                    wording.number(timing["total"]["std"]),
                    wording.number(timing["total"]["p90"]),
                    wording.number(timing["total"]["p99"]),
                    str(timing["iterations"]),
                    "yes" if timing["stable"] else f"no: {timing['unstable_reason']}",
                ]
                for line in lines
                for timing in [line.timing]
            ],
        ),
    )


def _starred(line: Timed) -> str:
    return line.name if line.timing["stable"] else f"{line.name} *"


def throughput(summary: Mapping[str, Any]) -> Chart | None:
    """Images per second over batch size, a line for each runtime and precision."""
    lines = _timed(summary)
    if not lines:
        return None
    kinds: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for line in lines:
        kind = line.machine, line.runtime, line.precision
        kinds.setdefault(kind, []).append(line.timing)
    data: list[Spec] = []
    for (machine, runtime, precision), group in kinds.items():
        place = shown(summary, machine)
        label = (
            wording.reference_label(summary, place)
            if runtime == wording.REFERENCE
            else wording.series_label(runtime, precision, place)
        )
        timings = sorted(group, key=lambda one: one["batch_size"])
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label,
                **group_of(place),
                "x": [one["batch_size"] for one in timings],
                "y": [one["images_per_second"] for one in timings],
                "hovertemplate": "batch %{x}<br>%{y:,.4~g} images/s<extra>%{fullData.name}</extra>",
                "marker": {"size": 8, **marker(summary, machine, runtime, precision)},
                "line": {"width": 2, "color": colour_of(runtime), "dash": dash(precision)},
            }
        )
    best = max(_trusted(summary, lines), key=lambda line: line.timing["images_per_second"])
    sizes = sorted({line.timing["batch_size"] for line in lines})
    return Chart(
        id="throughput",
        finding="Throughput peaks at "
        f"{wording.number(best.timing['images_per_second'])} images/s, with {best.name}",
        note="Images per second (batch size over median latency) over batch size, both "
        "logarithmic." + looks_told(summary, "filling and dash"),
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
                    **log_axis([line.timing["images_per_second"] for line in lines]),
                },
                420,
                grouped=data if several(summary) else (),
            ),
        },
        table=Table(
            ["Engine", "Batch size", "Images per second", "Median ms of a batch"],
            [
                [
                    line.name,
                    str(line.timing["batch_size"]),
                    wording.number(line.timing["images_per_second"]),
                    wording.number(line.timing["total"]["median"]),
                ]
                for line in lines
            ],
        ),
    )


def where_time_goes(summary: Mapping[str, Any]) -> Chart | None:
    """Milliseconds per image by step, a bar an engine."""
    lines = _timed(summary)
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
