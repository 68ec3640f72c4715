"""Figures as text: how many digits, which unit, what stands for a missing one."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from segtrt.quality.metric_table import Metric, Style
from segtrt.runtimes.registry import all_runtimes

MISSING = "–"

REFERENCE = "pytorch"
"""Stands for the reference where engines are named by their runtime."""

VERDICTS = {"pass": "passed", "fail": "failed", "skipped": "skipped", "not_run": "not run"}


def number(value: float | None, digits: int = 3) -> str:
    """A figure with `digits` significant digits and thousands separators, e.g. `12.3`, `1,230`."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    rounded = float(f"{value:.{digits - 1}e}")
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{places}f}"


def error(value: float | None) -> str:
    """An error norm in scientific notation, e.g. `3.1e-06`."""
    return MISSING if value is None else "0" if value == 0 else f"{value:.1e}"


def score(value: float | None, unit: str = "") -> str:
    """A figure of the metric with four decimals, and its unit if it has one."""
    return MISSING if value is None else f"{value:.4f}{_after(unit)}"


def score_change(value: float | None) -> str:
    """A difference of the metric with its sign; `0.0000` has none."""
    if value is None:
        return MISSING
    text = f"{value:+.4f}"
    return "0.0000" if float(text) == 0 else text.replace("-", "−")


def loss(value: float | None, unit: str = "") -> str:
    """A loss of the metric with four decimals, and its unit if it has one; a gain is negative."""
    if value is None:
        return MISSING
    text = f"{value:.4f}"
    return ("0.0000" if float(text) == 0 else text.replace("-", "−")) + _after(unit)


def interval(quality: Mapping[str, Any] | None, unit: str) -> str:
    """The 95 % interval of an engine's loss in words, or why there is none.

    Args:
        quality: an engine's `quality` in the summary; None without ground truth.
        unit: the metric's.
    """
    if quality is None:
        return "no interval of a loss is possible: there is no ground truth"
    over = plural(quality["paired_subjects"], "subject")
    found = quality["loss_interval"]
    if found is None:
        few = quality["paired_subjects"] < 2
        why = "two are needed" if few else "a figure is infinite"
        return f"no interval of the loss is possible from {over}: {why}"
    return f"loss {interval_ends(quality, unit)} with 95 % confidence, over {over}"


def interval_ends(quality: Mapping[str, Any], unit: str = "") -> str:
    """`−0.0004 to 0.0012`: the 95 % interval of an engine's loss; `–` if it has none."""
    found = quality["loss_interval"]
    return f"{loss(found['low'])} to {loss(found['high'], unit)}" if found else MISSING


def _after(unit: str) -> str:
    return f" {unit}" if unit else ""


def similarity(value: float | None) -> str:
    """A figure close to 1 with six decimals."""
    return MISSING if value is None else f"{value:.6f}"


def percent(value: float | None, digits: int = 3) -> str:
    """A share as a percentage with `digits` significant digits."""
    return MISSING if value is None else f"{number(value * 100, digits)} %"


_STYLES: Mapping[Style, Callable[[float | None], str]] = {
    Style.SCORE: score,
    Style.LOSS: loss,
    Style.PERCENTAGE: lambda value: percent(value, 2),
    Style.ERROR: error,
    Style.SIMILARITY: similarity,
}


def metric(one: Metric, value: float | None) -> str:
    """A figure of quality in its own style."""
    return _STYLES[one.style](value)


def change(value: float | None) -> str:
    """A relative change as a signed percentage."""
    return MISSING if value is None else f"{value * 100:+.1f} %".replace("-", "−")


def times(value: float | None) -> str:
    """A factor, e.g. `6.1×`."""
    return MISSING if value is None else f"{number(value, 2 if value < 10 else 3)}×"


def mib(count: float | None) -> str:
    """Bytes in MiB, without the unit."""
    return MISSING if count is None else number(count / 2**20)


def seconds(milliseconds: float | None) -> str:
    """Milliseconds in seconds, without the unit."""
    return MISSING if milliseconds is None else number(milliseconds / 1000)


def duration(value: float) -> str:
    """Seconds as `1.3 s`, `4 min 5 s` or `2 h 3 min`."""
    if value < 60:
        return f"{number(value, 2)} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, noun: str, several: str = "") -> str:
    """`1 engine`, `2 engines`; `several` is the plural where it takes more than an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {several or f'{noun}s'}"


def images(items: int, slices: int) -> str:
    """`64 images`, or `6 volumes (360 slices)`."""
    if slices > items:
        return f"{plural(items, 'volume')} ({plural(slices, 'slice')})"
    return plural(items, "image")


def listed(items: Sequence[str], most: int = 3) -> str:
    """`a, b and c`, or `a, b, c and 4 more`."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return " and ".join(part for part in (", ".join(items[:-1]), *items[-1:]) if part)


def runtime(name: str) -> str:
    """The name of a runtime as its makers write it."""
    known = all_runtimes().get(name)
    return known.title if known else name


def on(machine: str) -> str:
    """` on a100`; nothing for a machine without a name."""
    return f" on {machine}" if machine else ""


def engine_label(
    runtime_name: str, batch_size: int, precision: str, machine: str = "", *, dynamic: bool = False
) -> str:
    """`OpenVINO int8, batch 4`, or `TensorRT int8, batch 4, dynamic profile on a100`."""
    profile = ", dynamic profile" if dynamic else ""
    return f"{runtime(runtime_name)} {precision}, batch {batch_size}{profile}{on(machine)}"


def reference_label(summary: Mapping[str, Any], machine: str = "") -> str:
    """`PyTorch fp32`, or `PyTorch fp32 on a100`."""
    return f"{summary['reference']['name']} fp32{on(machine)}"


HOLLOW = "The network finds next to nothing here, so these figures say nothing about engines"
"""The finding of charts of quality where the reference itself does not segment."""


def size(sides: Sequence[int]) -> str:
    """`256 × 256`."""
    return " × ".join(map(str, sides))


def series_label(runtime_name: str, precision: str, machine: str = "") -> str:
    """`OpenVINO int8`, or `OpenVINO int8 on a100`."""
    return f"{runtime(runtime_name)} {precision}{on(machine)}"


def conditions(engine: Mapping[str, Any]) -> str:
    """How an engine was timed: mode, threads, and what the GPU did meanwhile."""
    facts = []
    if engine["mode"]:
        facts.append(f"mode {engine['mode']}")
    if engine["threads"]:
        facts.append(plural(engine["threads"], "thread"))
    before, after = engine["gpu_before"] or {}, engine["gpu_after"] or {}
    for key, unit in (("sm_clock_mhz", "MHz"), ("temperature_c", "°C"), ("power_w", "W")):
        first, last = before.get(key), after.get(key)
        if first is not None and last is not None:
            facts.append(f"{first:,.0f} → {last:,.0f} {unit}")
    return ", ".join(facts)


def decoding(decoder: Mapping[str, Any]) -> str:
    """How outputs become labels, `segtrt.quality.decode.Decoder` as JSON, in words."""
    if decoder["decide"] == "argmax":
        how = "the highest channel; the first is background"
    else:
        of = " of the logits' sigmoid" if decoder["activation"] == "none" else ""
        how = f"a probability{of} above {decoder['decide']['threshold']:g}"
    kept = ", then the largest component of each class" if decoder["largest_component"] else ""
    return how + kept


def fact_name(key: str) -> str:
    """A key such as `cpu_model` as words."""
    return key.replace("_", " ")
