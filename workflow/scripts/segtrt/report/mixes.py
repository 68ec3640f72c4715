"""Mixes beside the network's strip: what was lowered, and what came of what was predicted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segtrt.precision import Graph
from segtrt.report import wording
from segtrt.report.machines import shown

HOLLOW = "No mix gains"
"""The finding where no region is worth lowering."""


@dataclass(frozen=True)
class Mix:
    """One mix: a row of the strip, and a row of figures."""

    label: str
    """Runtime, machine where there are several, and name."""
    cells: list[str]
    """For each region the precision it is lowered to; empty where it stays in float32."""
    finding: str
    budget: str
    predicted_loss: str
    found_loss: str
    off: str
    """Found less predicted loss: what single regions do not tell of all together."""
    predicted_speed: str
    found_speed: str
    verdict: str


def make_mixes(summary: Mapping[str, Any]) -> list[Mix]:
    """The mixes of a summary, in its order; none without any."""
    search = summary.get("precision_search") or {}
    return [_mix(one, summary) for one in search.get("mixes", [])]


def _mix(mix: Mapping[str, Any], summary: Mapping[str, Any]) -> Mix:
    predicted, found = mix["predicted"], mix["found"]
    has_truth = predicted["metric_loss"] is not None
    figure = "metric_loss" if has_truth else "flipped_fraction"
    unit = summary["metric"]["unit"]

    def lost(value: float | None) -> str:
        return wording.loss(value, unit) if has_truth else wording.percent(value, 2)

    off = None if found[figure] is None else found[figure] - predicted[figure]
    lowered = {choice["region"]: choice["graph"] for choice in mix["choices"]}
    return Mix(
        label=wording.series_label(
            mix["runtime"], mix["precision"], shown(summary, mix["machine"])
        ),
        cells=[
            Graph(lowered[place]).precision if place in lowered else ""
            for place in range(len(summary["precision_search"]["regions"]))
        ],
        finding=_finding(mix, len(summary["precision_search"]["regions"])),
        budget=lost(mix["budget"]),
        predicted_loss=lost(predicted[figure]),
        found_loss=lost(found[figure]),
        off=lost(off),
        predicted_speed=_speed(predicted),
        found_speed=_speed(found),
        verdict=wording.VERDICTS[found["verdict"]] if found["verdict"] else wording.MISSING,
    )


def _finding(mix: Mapping[str, Any], regions: int) -> str:
    """What was chosen, in a sentence."""
    at_batch = f"at batch {mix['batch_size']}"
    if not mix["choices"]:
        least = wording.percent(mix["min_gain"], 1)
        return (
            f"{HOLLOW} here: no region saves {least} of the network's time {at_batch} within the "
            "budget, so the engine is the float32 network and is not recommended."
        )
    return f"{len(mix['choices'])} of {wording.plural(regions, 'region')} lowered, {at_batch}."


def _speed(times: Mapping[str, Any]) -> str:
    """How many times as fast as the float32 engine, and its latency."""
    plain, latency = times["plain_ms"], times["latency_ms"]
    if latency is None:
        return wording.MISSING
    # Noise may predict that it takes no time.
    factor = f"{wording.times(plain / latency)}, " if plain and latency else ""
    return f"{factor}{wording.number(latency)} ms"
