"""The table of what speed-ups are against: the network's own ways, without an engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segtrt.quality.failure_words import all_in_words
from segtrt.quality.failures import failures_of
from segtrt.report import wording
from segtrt.report.machines import shown


@dataclass(frozen=True)
class Speed:
    """Images per second at one batch size."""

    text: str
    fastest: bool
    """Whether speed-ups at this batch size are against it."""


@dataclass(frozen=True)
class Row:
    """One way."""

    name: str
    machine: str
    """Its machine's name; empty where there is one machine."""
    form: str
    speeds: list[Speed]
    flipped: str
    error: str
    counts: str
    """`yes`, or why speed-ups are not against it."""


@dataclass(frozen=True)
class Baselines:
    """The table."""

    sizes: list[int]
    """Batch sizes, a column each."""
    rows: list[Row]


def make_baselines(summary: Mapping[str, Any]) -> Baselines:
    """The table of a summary; without rows where nothing but an engine was timed."""
    machines = summary["machines"]
    sizes = sorted({one["batch_size"] for machine in machines for one in machine["timings"]})
    rows = [row for machine in machines for row in _rows(summary, machine, sizes)]
    return Baselines(sizes, rows if sizes else [])


def _rows(
    summary: Mapping[str, Any], machine: Mapping[str, Any], sizes: Sequence[int]
) -> list[Row]:
    reference = {
        "name": machine["timed"],
        "form": "what answers are compared with",
        "timings": machine["timings"],
        "errors": None,
        "counts": True,
    }
    ways = [reference, *machine["baselines"]]
    speeds = [
        {own["batch_size"]: own["images_per_second"] for own in one["timings"]} for one in ways
    ]
    fastest = {
        size: max(
            (own.get(size, 0.0) for one, own in zip(ways, speeds, strict=True) if one["counts"]),
            default=0.0,
        )
        for size in sizes
    }
    return [
        Row(
            name=one["name"],
            machine=shown(summary, machine["name"]),
            form=one["form"],
            speeds=[
                Speed(wording.number(own.get(size)), own.get(size) == fastest[size])
                for size in sizes
            ],
            flipped=wording.percent(one["errors"] and one["errors"]["flipped_fraction"], 2),
            error=wording.error(one["errors"] and one["errors"]["relative_rms"]),
            counts="yes" if one["counts"] else f"no: {_why_not(one)}",
        )
        for one, own in zip(ways, speeds, strict=True)
    ]


def _why_not(way: Mapping[str, Any]) -> str:
    return str(way["reason"]) or all_in_words(failures_of(way["failures"]))
