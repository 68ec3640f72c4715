"""Two summaries beside each other: what got faster, slower, better, worse, beyond noise."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segtrt.errors import SegtrtError

SMALLEST_CHANGE = 0.05
"""A latency that moved by less, as a share of the other one, is the same, however calm the runs."""

SMALLEST_METRIC_CHANGE = 0.001
"""A mean metric that moved by less, as a share or as a share of a distance, is the same."""


def compare(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Compare a summary's engines with those of the same names in another one.

    A latency counts as changed if it moved by more than 5 % and by more than the noise of both
    timings: their interquartile ranges as shares of their medians, added in squares. The
    mean metric counts as changed beyond 0.001 (a distance: beyond 0.1 %), and only where both runs
    scored the same evaluation subjects by the same metric.

    Args:
        own: this run's summary.
        other: the one to compare with, of the same format.

    Returns:
        `title`, `machines` (the other's: name -> facts), `same_machines`, `same_subjects`,
        `same_metric`, `engines` (a line for each engine of both: latencies in ms, `latency_change`
        (own over other, less 1), `noise`, `speed` (`faster`, `slower`, `same`, `unknown`), `figure`
        and `other_figure` (means of the metric), `figure_change`, `quality` (`better`, `worse`,
        `same`, `unknown`)), `only_here` and `only_there`, names.
    """
    mine = {engine["name"]: engine for engine in own["engines"]}
    theirs = {engine["name"]: engine for engine in other["engines"]}
    same_subjects = _subjects(own) == _subjects(other)
    same_metric = own["metric"] == other["metric"]
    return {
        "title": other["title"],
        "machines": _machines(other),
        "same_machines": _machines(own) == _machines(other),
        "same_subjects": same_subjects,
        "same_metric": same_metric,
        "engines": [
            {
                "name": name,
                **_speed(engine, theirs[name]),
                **_quality(
                    engine, theirs[name], own["metric"], comparable=same_subjects and same_metric
                ),
            }
            for name, engine in mine.items()
            if name in theirs
        ],
        "only_here": sorted(mine.keys() - theirs.keys()),
        "only_there": sorted(theirs.keys() - mine.keys()),
    }


def _machines(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {machine["name"]: machine["facts"] for machine in summary["machines"]}


def _subjects(summary: Mapping[str, Any]) -> list[str]:
    return [
        entry["subject"]
        for entry in summary["reference"]["subjects"]
        if entry["split"] == "evaluation"
    ]


def _speed(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"latency_ms": None, "other_latency_ms": None, "latency_change": None}
    for key, engine in (("latency_ms", own), ("other_latency_ms", other)):
        if engine["timing"]:
            result[key] = engine["timing"]["total"]["median"]
    if result["latency_ms"] is None or result["other_latency_ms"] is None:
        return {**result, "noise": None, "speed": "unknown"}
    _refuse_invalid_times(own["name"], own["timing"]["samples_ms"])
    _refuse_invalid_times(own["name"], other["timing"]["samples_ms"])
    change = result["latency_ms"] / result["other_latency_ms"] - 1
    noise = float(np.hypot(_noise(own["timing"]), _noise(other["timing"])))
    same = abs(change) <= max(SMALLEST_CHANGE, noise)
    speed = "same" if same else "faster" if change < 0 else "slower"
    return {**result, "latency_change": change, "noise": noise, "speed": speed}


def _refuse_invalid_times(name: str, samples_ms: Sequence[float]) -> None:
    """Refuse times that are zero, infinite or not numbers, which would compare as `slower`."""
    for sample in samples_ms:
        if not 0 < sample < float("inf"):
            raise SegtrtError(
                f"engine {name} has a time of {sample} ms, expected a number above zero; make the "
                "summary that report.compare_with names, or this one, again"
            )


def _noise(timing: Mapping[str, Any]) -> float:
    """Interquartile range of the runs over their median."""
    low, median, high = np.percentile(timing["samples_ms"], [25, 50, 75])
    return float((high - low) / median)


def _quality(
    own: Mapping[str, Any],
    other: Mapping[str, Any],
    metric: Mapping[str, Any],
    *,
    comparable: bool,
) -> dict[str, Any]:
    figure = own["quality"]["mean"] if own["quality"] else None
    other_figure = other["quality"]["mean"] if other["quality"] else None
    result = {"figure": figure, "other_figure": other_figure, "figure_change": None}
    if figure is None or other_figure is None or not comparable:
        return {**result, "quality": "unknown"}
    change = figure - other_figure
    if not np.isfinite(change):
        raise SegtrtError(
            f"engine {own['name']} has a mean {metric['title']} of {figure} here and "
            f"{other_figure} in the summary that report.compare_with names, expected numbers; make "
            "that summary again"
        )
    smallest = SMALLEST_METRIC_CHANGE * (abs(other_figure) if metric["unit"] else 1)
    gained = (change > 0) == metric["higher_is_better"]
    quality = "same" if abs(change) <= smallest else "better" if gained else "worse"
    return {**result, "figure_change": change, "quality": quality}
