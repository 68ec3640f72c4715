"""The summary's engines: one entry each, and the same as a table."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from segtrt.engines.record import EngineRecord
from segtrt.engines.timing_file import EngineTiming
from segtrt.precision import Precision
from segtrt.quality.failure_words import all_in_words
from segtrt.quality.failures import failures_of
from segtrt.quality.scores import Scores
from segtrt.quality.verdict import Verdict
from segtrt.summary.baselines import speedup

Json = dict[str, Any]

_CONDITIONS = ("mode", "threads", "warm_start", "gpu_before", "gpu_after")
"""What a timing file tells of how the timing was taken."""


def engine_parts(name: str) -> tuple[str, str, str]:
    """Runtime, machine (empty if none is named) and `b{batch}_{precision}` of an engine's name."""
    place, _, cell = name.partition("/")
    runtime, _, machine = place.partition("@")
    return runtime, machine, cell


def engine_entry(
    name: str,
    record: EngineRecord,
    *,
    lowered_regions: int | None = None,
    verdict: Verdict | None,
    scores: Scores | None,
    timing: EngineTiming | None,
    not_run: str,
    machine: Json,
    rebuilds: Json | None = None,
) -> Json:
    """The entry of an engine that was built, or that its runtime turned down while building.

    Args:
        name: `runtime/b{batch}_{precision}`, or `runtime@machine/...`.
        record: what was built.
        lowered_regions: of a mix, how many regions are not in float32; else None.
        verdict, scores, timing: what is known of it; None if it was not run.
        not_run: why engines of its runtime were not run on its machine; empty if they were.
        machine: its machine's entry (`segtrt.summary.machines`).
        rebuilds: what its rebuilds came to (`segtrt.summary.rebuilds`); None without any.
    """
    settings = record.settings
    built = record.status == "built"
    reason = record.reason
    if verdict is None and built:
        reason = not_run or "built, but not run"
    figures = scores.figures if scores else None
    times = asdict(timing) if timing else {}
    stages = times.get("load_stages_ms") or {}
    compared = speedup(times.get("timing"), machine)
    return {
        "name": name,
        "machine": machine["name"],
        "runtime": record.runtime,
        "batch_size": settings.batch_size,
        "precision": str(settings.precision),
        "profile": settings.profile if built else None,
        "graph": str(record.graph),
        "lowered_regions": lowered_regions,
        "verdict": verdict.verdict if verdict else "not_run" if built else "skipped",
        "reason": reason,
        "failures": [asdict(one) for one in verdict.failures] if verdict else [],
        "engine_bytes": record.engine_bytes if built else None,
        "engine_sha256": record.engine_sha256 if built else None,
        "graph_sha256": record.graph_sha256,
        "build_ms": record.build_ms if built else None,
        "first_start_ms": sum(record.first_start_ms.values()) or None,
        "read_back_ms": sum(stages.values()) if stages else None,
        "load_stages_ms": stages,
        "memory_mib": times.get("memory_mib"),
        **{key: times.get(key) for key in _CONDITIONS},
        "speedup": compared.value if compared else None,
        "speedup_over": compared.over if compared else None,
        "speedup_float32": compared.over_float32 if compared else None,
        "timing": times.get("timing"),
        "errors": asdict(figures.errors) if figures else None,
        "errors_every_item": asdict(figures.errors_every_item) if figures else None,
        "quality": asdict(figures.quality) if figures and figures.quality else None,
        "agreement": figures.agreement if figures else None,
        "patches": figures.patches if figures else None,
        "rebuilds": rebuilds,
        "precision_proof": asdict(verdict.precision_proof)
        if verdict and verdict.precision_proof
        else None,
        "target": dict(record.target),
        "notes": list(record.notes),
        "subjects": [asdict(one) for one in figures.subjects] if figures else [],
    }


def left_out_entry(name: str, reason: str) -> Json:
    """The entry of an engine that cannot be had here."""
    runtime, machine, cell = engine_parts(name)
    batch, _, variant = cell.removeprefix("b").partition("_")
    empty = (
        "profile graph lowered_regions engine_bytes engine_sha256 graph_sha256 build_ms "
        "first_start_ms read_back_ms memory_mib speedup speedup_over speedup_float32 timing errors "
        "errors_every_item quality agreement patches rebuilds precision_proof"
    )
    return {
        "name": name,
        "machine": machine,
        "runtime": runtime,
        "batch_size": int(batch),
        "precision": variant.removesuffix("_dynamic"),
        "verdict": "skipped",
        "reason": reason,
        "failures": [],
        **dict.fromkeys(empty.split()),
        **dict.fromkeys(_CONDITIONS),
        "load_stages_ms": {},
        "target": {},
        "notes": [],
        "subjects": [],
    }


def engine_order(engine: Mapping[str, Any]) -> tuple[str, str, int, int, str]:
    """Sort key: machine, runtime, precision, batch size, name."""
    precision = list(Precision).index(Precision(engine["precision"]))
    place = engine["machine"], engine["runtime"]
    return *place, precision, engine["batch_size"], engine["name"]


def table(summary: Mapping[str, Any]) -> str:
    """The engines as CSV, one a row; nested figures get dotted names, units are in the names."""
    rows = [_flat_engine(engine) for engine in summary["engines"]]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat_engine(engine: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}

    def add(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, entry in value.items():
                add(f"{prefix}.{key}" if prefix else key, entry)
        elif isinstance(value, list):
            flat[prefix] = "; ".join(map(str, value))
        else:
            flat[prefix] = value

    failures = all_in_words(failures_of(engine["failures"]))
    shown = {**engine, "failures": failures}
    if rebuilds := shown.pop("rebuilds", None):
        shown["rebuilds"] = {name: one for name, one in rebuilds.items() if name != "builds"}
    add("", {key: value for key, value in shown.items() if key != "subjects"})
    flat.pop("timing.samples_ms", None)
    for entry in engine["subjects"]:
        flat[f"figure.subject.{entry['subject']}"] = entry["figure"]
    return flat
