"""The table of engines that were built again: how far the builds are from the proven one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segtrt.report import wording
from segtrt.report.machines import shown

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Stray:
    """One engine and its rebuilds."""

    label: str
    """Runtime, precision and batch, and the machine where there are several."""
    same_bytes: str
    """How many were the proven engine, of those built, and how many could not be built."""
    equal_outputs: str
    """Outputs that were the same bytes, of those compared."""
    proven_ms: str
    """Median latency as it was measured for the report."""
    again_ms: str
    """The same engine timed again beside each build: lowest to highest."""
    rebuilt_ms: str
    stable: bool
    """Whether these timings can be trusted."""
    flipped: str
    """Share of pixels with another label, the highest of all builds."""
    relative_l2: str
    """Of the outputs, the highest of all builds."""
    proven_loss: str
    rebuilt_loss: str
    build_s: str
    reasons: Sequence[str]
    """Why builds failed."""


@dataclass(frozen=True)
class Strays:
    """The table; without rows where no engine was built again."""

    finding: str
    metric: str
    """What `proven_loss` and `rebuilt_loss` are of; empty without ground truth."""
    rows: Sequence[Stray]


def make_strays(summary: Json) -> Strays:
    """A row for each engine of a summary that was built again."""
    # What could not be built once is not built again; the matrix says why.
    engines = [
        one for one in summary["engines"] if one.get("rebuilds") and one["verdict"] != "skipped"
    ]
    metric = summary["metric"]
    return Strays(
        _finding([one["rebuilds"] for one in engines]),
        metric["title"] if summary["reference"]["has_truth"] else "",
        [_row(one, shown(summary, one["machine"]), metric["unit"]) for one in engines],
    )


def _row(engine: Json, machine: str, unit: str) -> Stray:
    found = engine["rebuilds"]
    failed = found["asked"] - found["built"]
    timing, quality = engine["timing"], engine["quality"]

    def loss(value: float | None) -> str:
        return wording.loss(value, unit)

    return Stray(
        label=wording.engine_label(
            engine["runtime"],
            engine["batch_size"],
            engine["precision"],
            machine,
            dynamic=engine["profile"] == "dynamic",
        ),
        same_bytes=f"{found['same_bytes']} of {found['built']}"
        + (f", {failed} not built" if failed else ""),
        equal_outputs=f"{found['equal_patches']:,} of {found['patches']:,}",
        proven_ms=wording.number(timing["total"]["median"] if timing else None),
        again_ms=_ends(found["proven_latency_ms"], wording.number),
        rebuilt_ms=_ends(found["latency_ms"], wording.number),
        stable=found["stable"],
        flipped=wording.percent(_highest(found["flipped_fraction"]), 2),
        relative_l2=wording.error(_highest(found["relative_l2"])),
        proven_loss=loss(quality["loss"] if quality else None),
        rebuilt_loss=_ends(found["metric_loss"], loss),
        build_s=_ends(found["build_ms"], wording.seconds),
        reasons=list(dict.fromkeys(one["reason"] for one in found["builds"] if one["reason"])),
    )


def _highest(ends: Mapping[str, float] | None) -> float | None:
    return None if ends is None else ends["high"]


def _ends(ends: Mapping[str, float] | None, show: Callable[[float | None], str]) -> str:
    """`1.2 to 1.4`, or `1.2` where both read the same."""
    if ends is None:
        return wording.MISSING
    low, high = show(ends["low"]), show(ends["high"])
    return low if low == high else f"{low} to {high}"


def _finding(rebuilds: Sequence[Json]) -> str:
    """What all rebuilds together come to, in a sentence."""
    built, same, equal, patches = (
        sum(one[key] for one in rebuilds)
        for key in ("built", "same_bytes", "equal_patches", "patches")
    )
    if not built:
        return "No engine could be built again"
    outputs = f"{equal:,} of {patches:,} outputs are the same bytes"
    return (
        f"{same} of {wording.plural(built, 'rebuilt engine')} "
        f"{'is' if same == 1 else 'are'} the proven one, byte for byte; {outputs}"
    )
