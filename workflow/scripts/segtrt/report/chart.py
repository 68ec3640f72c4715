"""What a chart of the report is, and the looks that all of them share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

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


def text(value: str, most: int = 60) -> str:
    """Text for plotly.js, which reads a little HTML: markup is shown, not followed."""
    short = value if len(value) <= most else f"{value[: most - 1]}…"
    return escape(short, quote=False)


def layout(x: Mapping[str, Any], y: Mapping[str, Any], height: int, **more: Any) -> Spec:
    """The layout that all charts share."""
    return {
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 10, "b": 50},
        "xaxis": {**_AXIS, **x},
        "yaxis": {**_AXIS, **y},
        "legend": {
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "normal",
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


_AXIS = {
    "automargin": True,
    "gridcolor": "--grid",
    "zerolinecolor": "--grid",
    "linecolor": "--line",
    "fixedrange": True,
}
