"""What a chart of the report is, and the looks that all of them share."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TypeVar

from segtrt.precision import Precision
from segtrt.report.machines import several
from segtrt.runtimes.registry import all_runtimes

Spec = dict[str, Any]

_SYMBOLS = (
    *("circle", "circle-open", "square", "square-open", "diamond", "diamond-open"),
    *("triangle-up", "triangle-up-open", "star", "star-open", "hexagon", "hexagon-open"),
)
"""Symbols of the precisions, by their place among `Precision`."""

_SHAPES = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "star",
    "hexagon",
    "triangle-down",
    "pentagon",
)
"""Where there are several machines, theirs in turn; the filling then shows the precision."""

_FILLINGS = (
    *(("", 0.0), ("-dot", 0.0), ("-open", 2.0), ("-open-dot", 2.0)),
    *(("", 2.0), ("-dot", 2.0), ("-open", 4.0), ("-open-dot", 4.0), ("", 4.0), ("-dot", 4.0)),
)
"""Fillings of the precisions: what is added to a shape's name, and the width of its rim."""

_DASHES = (
    *("solid", "longdash", "dash", "dashdot", "dot", "longdashdot"),
    *("2px,6px", "12px,3px", "6px,2px,2px,2px", "1px,3px"),
)
"""Dashes of the precisions' lines."""

Looks = TypeVar("Looks")


def colour_of(runtime: str) -> str:
    """A runtime's colour: a custom property of the page, looked up when a chart is drawn.

    The reference has a neutral one, and so has a runtime that this version does not know.
    """
    return f"--runtime-{runtime}" if runtime in all_runtimes() else "--pytorch"


def runtime_colours() -> str:
    """The style sheet that gives every runtime its colour, on a light and on a dark page."""
    known = all_runtimes().items()
    light = " ".join(f"--runtime-{name}: {one.colour.light};" for name, one in known)
    dark = " ".join(f"--runtime-{name}: {one.colour.dark};" for name, one in known)
    return f':root {{ {light} }}\n:root[data-theme="dark"] {{ {dark} }}'


def dash(precision: str) -> str:
    """How a precision's line is dashed."""
    return _by_place(_DASHES, precision)


def _by_place(looks: Sequence[Looks], precision: str) -> Looks:
    """What the place of a precision among all of them gives it."""
    return looks[list(Precision).index(Precision(precision)) % len(looks)]


@dataclass(frozen=True)
class Table:
    """The figures behind a chart."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """A chart: its finding, what it shows, the drawing and the figures behind it."""

    id: str
    finding: str
    """The title: what the chart says."""
    note: str
    """What is drawn, and in which units."""
    spec: Spec
    """`data` and `layout` for plotly.js; strings that begin with `--` are colours of the page."""
    table: Table


def marker(summary: Mapping[str, Any], machine: str, runtime: str, precision: str) -> Spec:
    """A point's looks: its colour tells the runtime, its symbol the precision.

    Where there are several machines, its shape tells the machine and its filling the precision.
    """
    colour = colour_of(runtime)
    if not several(summary):
        return {"color": colour, "symbol": _by_place(_SYMBOLS, precision)}
    names = [one["name"] for one in summary["machines"]]
    filling, rim = _by_place(_FILLINGS, precision)
    return {
        "color": colour,
        "symbol": _SHAPES[names.index(machine) % len(_SHAPES)] + filling,
        "line": {"width": rim, "color": colour if "open" in filling else "--ink"},
    }


def legend_note(summary: Mapping[str, Any], precision: str) -> str:
    """What tells several machines apart, with a space before it.

    Args:
        summary: the summary.
        precision: what tells precisions apart.
    """
    if not several(summary):
        return ""
    return (
        f" Colour tells the runtime, shape the machine, {precision} the precision. In the legend a "
        "click hides or shows a machine, a double click shows it alone."
    )


def group_of(machine: str) -> Spec:
    """What puts a line into its machine's column of the legend; without a machine nothing."""
    return {"legendgroup": machine} if machine else {}


def text(value: str, most: int = 60) -> str:
    """Text for plotly.js, which reads a little HTML: markup is shown, not followed."""
    short = value if len(value) <= most else f"{value[: most - 1]}…"
    return escape(short, quote=False)


def layout(
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    height: int,
    *,
    grouped: Sequence[Spec] = (),
    **more: Any,
) -> Spec:
    """The layout that all charts share.

    Args:
        x, y: what is particular to the axes.
        height: in pixels.
        grouped: lines that the legend has in columns, group by group.
        more: further keys.
    """
    rows = max(Counter(line.get("legendgroup") for line in grouped).values(), default=0)
    return {
        "height": height + _LEGEND_ROW * rows,
        "margin": {"l": 60, "r": 20, "t": 10, "b": 50},
        "xaxis": {**_AXIS, **x},
        "yaxis": {**_AXIS, **y},
        "legend": {
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "grouped" if grouped else "normal",
        },
        "hoverlabel": {"align": "left"},
        "paper_bgcolor": "--surface",
        "plot_bgcolor": "--surface",
        "font": {"color": "--ink", "size": 12},
        **more,
    }


def title(words: str) -> dict[str, Any]:
    """An axis title."""
    return {"text": words, "standoff": 8}


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis over positive values, with ticks where people look for them."""
    low, high = min(values), max(values)
    digits = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    shown = [tick for tick in ticks if low / 2.6 <= tick <= high * 2.6]
    return {
        "type": "log",
        "tickmode": "array",
        "tickvals": shown,
        "ticktext": [f"{tick:,.10g}" for tick in shown],
    }


def category_height(count: int) -> int:
    """Height in pixels of a chart with a line for each of `count` engines."""
    return 130 + 26 * count


_LEGEND_ROW = 19
"""Height in pixels of a line in the legend."""

_AXIS = {
    "automargin": True,
    "gridcolor": "--grid",
    "zerolinecolor": "--grid",
    "linecolor": "--line",
    "fixedrange": True,
}
