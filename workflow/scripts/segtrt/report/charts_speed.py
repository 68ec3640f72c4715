"""Charts of speed: latency, and throughput over batch size."""

from collections.abc import Mapping
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
    legend_note,
    log_axis,
    marker,
    title,
)
from segtrt.report.machines import reference_name, several, shown

_RIM: Spec = {"line": {"width": 3, "color": "--ink"}}
"""Of the points of a line that differs from another in its profile or in being compiled alone."""


_BARS = " A bar reaches from the slowest to the fastest of an engine's builds (engines.rebuilds)."


class Timed(NamedTuple):
    """The reference, another way of PyTorch or an engine, with its timing."""

    name: str
    machine: str
    runtime: str
    precision: str
    timing: Mapping[str, Any]
    dynamic: bool = False
    """Whether it has a dynamic profile."""
    rebuilt_ms: Mapping[str, float] | None = None
    """The lowest and the highest median of engines built again, if any were."""

    @property
    def rebuilt_speeds(self) -> tuple[float, float]:
        """Images per second that builds reach, this one among them: the fewest and the most."""
        own = self.timing["images_per_second"]
        found = self.rebuilt_ms
        ends = [self.timing["batch_size"] / ms * 1000 for ms in found.values()] if found else []
        return min([own, *ends]), max([own, *ends])


def timed(summary: Mapping[str, Any]) -> list[Timed]:
    """Machine by machine the reference's timings, PyTorch's other ways', then the engines'."""
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
            Timed(
                f"{one['name']}{wording.on(shown(summary, name))}, batch {own['batch_size']}",
                name,
                one["name"],
                one["precision"],
                own,
            )
            for one in machine["baselines"]
            for own in one["timings"]
        ]
        lines += [
            Timed(
                one["name"],
                name,
                one["runtime"],
                one["precision"],
                one["timing"],
                one["profile"] == "dynamic",
                (one.get("rebuilds") or {}).get("latency_ms"),
            )
            for one in summary["engines"]
            if one["timing"] and one["machine"] == name
        ]
    return lines


def _trusted(summary: Mapping[str, Any], lines: list[Timed]) -> list[Timed]:
    """What a finding may praise: the reference, and what passed or keeps the tolerances."""
    failed = {one["name"] for one in summary["engines"] if one["verdict"] == "fail"}
    failed |= {
        one["name"]
        for machine in summary["machines"]
        for one in machine["baselines"]
        if not one["counts"]
    }
    return [line for line in lines if not failed & {line.name, line.runtime}] or lines


def latency(summary: Mapping[str, Any]) -> Chart | None:
    """Every timed run of every engine, as boxes."""
    lines = timed(summary)
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
    lines = timed(summary)
    if not lines:
        return None
    kinds: dict[tuple[str, str, str, bool], list[Timed]] = {}
    for line in lines:
        kind = line.machine, line.runtime, line.precision, line.dynamic
        kinds.setdefault(kind, []).append(line)
    ways = {one["name"] for machine in summary["machines"] for one in machine["baselines"]}
    data: list[Spec] = []
    for (machine, runtime, precision, dynamic), group in kinds.items():
        place = shown(summary, machine)
        label = (
            wording.reference_label(summary, place)
            if runtime == wording.REFERENCE
            else f"{runtime}{wording.on(place)}"
            if runtime in ways
            else wording.series_label(runtime, precision, place)
        )
        ordered = sorted(group, key=lambda one: one.timing["batch_size"])
        timings = [one.timing for one in ordered]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{label}, dynamic" if dynamic else label,
                **group_of(place),
                "x": [one["batch_size"] for one in timings],
                "y": [one["images_per_second"] for one in timings],
                **_error_bars(ordered, colour_of(runtime)),
                "hovertemplate": "batch %{x}<br>%{y:,.4~g} images/s<extra>%{fullData.name}</extra>",
                "marker": {
                    "size": 8,
                    **marker(summary, machine, runtime, precision),
                    **(_RIM if dynamic or "compiled" in runtime else {}),
                },
                "line": {"width": 2, "color": colour_of(runtime), "dash": dash(precision)},
            }
        )
    rebuilt = any(line.rebuilt_ms for line in lines)
    best = max(_trusted(summary, lines), key=lambda line: line.timing["images_per_second"])
    sizes = sorted({line.timing["batch_size"] for line in lines})
    return Chart(
        id="throughput",
        finding="Throughput peaks at "
        f"{wording.number(best.timing['images_per_second'])} images/s, with {best.name}",
        note="Images per second (batch size over median latency) over batch size, both "
        "logarithmic." + (_BARS if rebuilt else "") + legend_note(summary, "filling and dash"),
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
                    **log_axis([speed for line in lines for speed in line.rebuilt_speeds]),
                },
                420,
                grouped=data if several(summary) else (),
            ),
        },
        table=Table(
            [
                *("Engine", "Batch size", "Images per second", "Median ms of a batch"),
                *(["Images per second of its builds"] if rebuilt else []),
            ],
            [
                [
                    line.name,
                    str(line.timing["batch_size"]),
                    wording.number(line.timing["images_per_second"]),
                    wording.number(line.timing["total"]["median"]),
                    *([_builds(line)] if rebuilt else []),
                ]
                for line in lines
            ],
        ),
    )


def _builds(line: Timed) -> str:
    """`83 to 94`: the slowest and the fastest of an engine's builds, itself among them."""
    if not line.rebuilt_ms:
        return wording.MISSING
    return " to ".join(wording.number(speed) for speed in line.rebuilt_speeds)


def _error_bars(lines: list[Timed], colour: str) -> Spec:
    """From the slowest build to the fastest, where engines were built again."""
    if not any(line.rebuilt_ms for line in lines):
        return {}
    speeds = [(line.timing["images_per_second"], *line.rebuilt_speeds) for line in lines]
    return {
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [most - own for own, _, most in speeds],
            "arrayminus": [own - fewest for own, fewest, _ in speeds],
            "color": colour,
            "thickness": 1.5,
            "width": 5,
        }
    }
