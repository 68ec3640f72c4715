"""The table of what a dynamic profile costs at each batch size, against a static one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segtrt.report import wording
from segtrt.report.machines import shown


@dataclass(frozen=True)
class Cost:
    """A static engine and its dynamic like."""

    label: str
    """Runtime and precision, and the machine where there are several."""
    batch_size: int
    static_ms: str
    dynamic_ms: str
    factor: str
    """How many times as long the dynamic one takes."""
    stable: bool
    """Whether both timings can be trusted."""
    low: int
    high: int
    """The batches that the dynamic one takes."""


def costs_of_profiles(summary: Mapping[str, Any]) -> list[Cost]:
    """A line for each engine that was timed with either profile; empty where none was."""
    timed = {
        (one["machine"], one["runtime"], one["precision"], one["batch_size"], one["profile"]): one
        for one in summary["engines"]
        if one["timing"]
    }
    batch = summary["config"]["engines"]["dynamic_batch"]
    costs = []
    for (*kind, profile), one in timed.items():
        other = timed.get((*kind, "dynamic"))
        if profile != "static" or other is None:
            continue
        static, dynamic = (each["timing"]["total"]["median"] for each in (one, other))
        costs.append(
            Cost(
                label=wording.series_label(
                    one["runtime"], one["precision"], shown(summary, one["machine"])
                ),
                batch_size=one["batch_size"],
                static_ms=wording.number(static),
                dynamic_ms=wording.number(dynamic),
                factor=wording.times(dynamic / static),
                stable=one["timing"]["stable"] and other["timing"]["stable"],
                low=batch["min"],
                high=batch["max"],
            )
        )
    return costs
