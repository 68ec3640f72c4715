"""What a chart of the report is, and the looks that all of them share."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from segtrt.report.machines import several

Spec = dict[str, Any]

SERIES = {
    "pytorch": "--series-0",
    "onnxruntime": "--series-1",
    "openvino": "--series-2",
    "tensorrt": "--series-3",
    "tensorrt_rtx": "--series-4",
}
"""Runtime -> colour: a custom property of the style sheet, looked up when the chart is drawn."""

SYMBOLS = {
    "fp32": "circle",
    "tf32": "circle-open",
    "fp16": "square",
    "bf16": "square-open",
    "int8": "diamond",
    "fp8": "diamond-open",
}
SHAPES = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "star",
    "hexagon",
    "triangle-down",
    "pentagon",
)
"""Where there are several machines, theirs in turn; the precision is then told by the filling."""

FILLINGS = {
    "fp32": ("", 0.0),
    "tf32": ("-dot", 0.0),
    "fp16": ("-open", 2.0),
    "bf16": ("-open-dot", 2.0),
    "int8": ("", 2.0),
    "fp8": ("-dot", 2.0),
}
"""Precision -> what is added to a shape's name, and the width of its rim."""

DASHES = {
    "fp32": "solid",
    "tf32": "longdash",
    "fp16": "dash",
    "bf16": "dashdot",
    "int8": "dot",
    "fp8": "longdashdot",
}


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
    colour = SERIES[runtime]
    if not several(summary):
        return {"color": colour, "symbol": SYMBOLS[precision]}
    names = [one["name"] for one in summary["machines"]]
    filling, rim = FILLINGS[precision]
    return {
        "color": colour,
        "symbol": SHAPES[names.index(machine) % len(SHAPES)] + filling,
        "line": {"width": rim, "color": colour if "open" in filling else "--ink"},
    }


def looks_told(summary: Mapping[str, Any], precision: str) -> str:
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
