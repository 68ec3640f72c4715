"""The engine matrix: its columns, and an engine as a row of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from segtrt.quality.failure_words import in_words
from segtrt.quality.failures import METRIC_LOSS, failures_of
from segtrt.quality.metric_table import figures_shown
from segtrt.report import wording
from segtrt.report.machines import entry, shown

Engine = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of figures."""

    key: str
    title: str
    unit: str
    help: str
    value: Callable[[Engine], float | None]
    show: Callable[[float | None], str]


@dataclass(frozen=True)
class Cell:
    """One figure: as text, and as the number that the column is sorted by."""

    key: str
    text: str
    value: float | None
    detail: str = ""
    """In small type below it."""


@dataclass(frozen=True)
class Row:
    """One engine."""

    name: str
    machine: str
    """Its machine's name; empty where there is one machine."""
    runtime: str
    runtime_label: str
    batch_size: int
    precision: str
    dynamic: bool
    """Whether it has a dynamic profile."""
    verdict: str
    verdict_label: str
    reasons: list[str]
    """Why it failed, was skipped or was not run."""
    unstable: str
    """Why its timing cannot be trusted; empty if it can."""
    recommended: bool
    tag: str
    """What it is praised for; empty for most."""
    proof: str
    """What its layers compute in, in words; empty if its runtime does not tell."""
    cells: list[Cell]


def _of(*path: str) -> Callable[[Engine], float | None]:
    """The figure at a path of keys, or None where the path ends early."""

    def value(engine: Engine) -> float | None:
        found: Any = engine
        for key in path:
            if found is None:
                return None
            found = found[key]
        return None if found is None else float(found)

    return value


_SPEED = (
    Column(
        "latency_ms",
        "Median",
        "ms",
        "Median latency of one batch, copies included",
        _of("timing", "total", "median"),
        wording.number,
    ),
    Column(
        "p99_ms",
        "p99",
        "ms",
        "99th percentile of the latency; needs 100 runs",
        _of("timing", "total", "p99"),
        wording.number,
    ),
    Column(
        "images_per_second",
        "Images",
        "per s",
        "Batch size over median latency",
        _of("timing", "images_per_second"),
        wording.number,
    ),
    Column(
        "speedup",
        "Speed-up",
        "× fastest",
        "Images per second over the fastest of the network's own ways, at the same batch size",
        _of("speedup"),
        wording.times,
    ),
    Column(
        "speedup_float32",
        "Speed-up",
        "× float32",
        "Images per second over the reference's in float32, at the same batch size",
        _of("speedup_float32"),
        wording.times,
    ),
)
_COST = (
    Column("size", "Size", "MiB", "Size of the engine file", _of("engine_bytes"), wording.mib),
    Column("build", "Build", "s", "Time to build the engine", _of("build_ms"), wording.seconds),
    Column(
        "first_start",
        "First start",
        "s",
        "From the new engine file to its first result, with kernels compiled on the way",
        _of("first_start_ms"),
        wording.seconds,
    ),
    Column(
        "read_back",
        "Read back",
        "s",
        "From the engine file to its first result, as the timing found it",
        _of("read_back_ms"),
        wording.seconds,
    ),
    Column(
        "memory",
        "Memory",
        "MiB",
        "Device memory it holds (GPU), or growth of the process (CPU)",
        _of("memory_mib"),
        wording.number,
    ),
)


def columns(summary: Mapping[str, Any]) -> list[Column]:
    """The columns of a summary's matrix: speed, quality, cost."""
    shown_figures = figures_shown(
        summary["metric"]["title"], has_truth=summary["reference"]["has_truth"]
    )
    quality = [
        Column(one.name, one.heading, one.unit, one.help, one.value, partial(wording.metric, one))
        for one in shown_figures
    ]
    return [*_SPEED, *quality, *_COST]


def make_row(engine: Engine, summary: Mapping[str, Any]) -> Row:
    """An entry of the summary's `engines` as a row."""
    timing = engine["timing"]
    reasons = [in_words(failure) for failure in failures_of(engine["failures"])]
    if engine["reason"]:
        reasons.append(engine["reason"])
    return Row(
        name=engine["name"],
        machine=shown(summary, engine["machine"]),
        runtime=engine["runtime"],
        runtime_label=wording.runtime(engine["runtime"]),
        batch_size=engine["batch_size"],
        precision=engine["precision"],
        dynamic=engine["profile"] == "dynamic",
        verdict=engine["verdict"],
        verdict_label=wording.VERDICTS[engine["verdict"]],
        reasons=reasons,
        unstable=timing["unstable_reason"] if timing and not timing["stable"] else "",
        recommended=engine["name"] == summary["recommendation"]["engine"],
        tag=_tag(engine, summary),
        proof=_proof(engine["precision_proof"]),
        cells=[
            Cell(column.key, column.show(value), value, _detail(column.key, engine))
            for column in columns(summary)
            for value in [column.value(engine)]
        ],
    )


def _detail(column: str, engine: Engine) -> str:
    """Below a loss its 95 % interval."""
    quality = engine["quality"]
    if column != METRIC_LOSS or not quality or not quality["loss_interval"]:
        return ""
    return wording.interval_ends(quality)


def _tag(engine: Engine, summary: Mapping[str, Any]) -> str:
    if engine["name"] == summary["recommendation"]["engine"]:
        return "recommended"
    best = entry(summary, engine["machine"])["recommended"] == engine["name"]
    return f"best{wording.on(engine['machine'])}" if best else ""


def _proof(proof: Mapping[str, Any] | None) -> str:
    """`convolutions: 100 % int8` or, where they are not known, the same of the layers."""
    if not proof:
        return ""
    what, shares = (
        ("convolutions", proof["convolutions"])
        if proof["convolutions"]
        else ("layers", proof["layers"])
    )
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    return f"{what}: " + ", ".join(f"{wording.percent(share, 2)} {name}" for name, share in ranked)
