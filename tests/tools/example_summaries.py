"""Summaries of made-up runs, with their pictures.

The same seed gives the same summaries; nothing in them was measured.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from example_cases import CASES, HOSTILE, Case, Fault
from example_pictures import write_pictures
from segtrt.config import resolve_config
from segtrt.dataset import Manifest, SliceEntry, Subject
from segtrt.precision import Precision
from segtrt.record import EngineRecord
from segtrt.runtimes.base import BatchTiming, BuildSettings
from segtrt.scoring import quality
from segtrt.summary import compose, write_summary
from segtrt.summary_engines import engine_entry, engine_order, left_out_entry
from segtrt.timing import measure

__all__ = ["CASES", "HOSTILE", "make_example"]


def make_example(case: Case, folder: Path) -> dict[str, Any]:
    """Write `summary.json`, `summary.csv` and `overlays/` of a case to `folder`.

    Returns:
        The summary.
    """
    report = {"title": case.title, **case.report}
    if case.earlier:
        make_example(_earlier(case), folder / "earlier")
        report["compare_with"] = str(folder / "earlier/summary.json")
    rng = np.random.default_rng(case.seed)
    subjects = _subjects(case)
    config = resolve_config(
        {
            "engines": {"batch_sizes": list(case.batches), "on_unsupported": "skip"},
            "report": report,
        }
    )
    reference = _reference(case, subjects, rng)
    engines, scored = _engines(case, subjects, reference, rng)
    engines += [left_out_entry(name, reason) for name, reason in case.left_out.items()]
    engines.sort(key=engine_order)
    summary = compose(
        config=config,
        manifest=Manifest(tuple(subjects), case.skipped),
        weights_sha256=_digest("weights"),
        graphs={str(p.graph): _digest(p.graph) for p in case.precisions},
        machine=case.machine,
        reference=reference,
        engines=engines,
        rules=_rules(len(engines)),
        rule_graph=_graph(),
    )
    write_summary(summary, folder / "summary.json", folder / "summary.csv")
    write_pictures(folder / "overlays", summary, scored, config["report"], rng)
    return summary


def _earlier(case: Case) -> Case:
    def speed(runtime: str, precision: Precision, batch: int) -> float:
        return case.speed(runtime, precision, batch) * (1.3 if runtime == case.runtimes[0] else 1)

    return replace(
        case,
        title="The run before",
        report={},
        speed=speed,
        earlier=False,
        faults={},
        runtimes=case.runtimes,
        batches=case.batches[:2],
        machine={**case.machine, "driver": "580.65"},
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _subjects(case: Case) -> list[Subject]:
    return [
        Subject(
            name,
            0,
            "calibration" if place < case.calibration else "evaluation",
            tuple(
                SliceEntry(number, f"{place}/{number}.tif", f"{place}/{number}_mask.tif", "", "")
                for number in range(1, case.slices + 1)
            ),
        )
        for place, name in enumerate(case.subjects)
    ]


def _timing(
    batch: int, milliseconds: float, case: Case, rng: np.random.Generator, unstable: bool
) -> dict[str, Any]:
    spread = 0.3 if unstable else 0.02

    def step() -> BatchTiming:
        run = milliseconds * float(1 + abs(rng.normal(0, spread)))
        copy = 0.03 * batch**0.9 if case.copies else None
        return BatchTiming(run, copy, copy and copy / 3)

    ticks = iter(range(10**9))
    result = measure(
        step,
        batch_size=batch,
        iterations=case.runs,
        max_seconds=None,
        warmup_max_seconds=5,
        clock=lambda: float(next(ticks)),
    )
    return result.to_json()


def _conditions(case: Case) -> dict[str, Any]:
    if "gpu" not in case.machine:
        return {"mode": "stream", "threads": 2}
    state = {"sm_clock_mhz": 1980, "temperature_c": 41, "power_w": 120.5, "slowdown": []}
    return {
        "mode": "graph",
        "warm_start": True,
        "gpu_before": state,
        "gpu_after": {**state, "temperature_c": 58, "power_w": 412.0},
    }


def _reference(case: Case, subjects: list[Subject], rng: np.random.Generator) -> dict[str, Any]:
    entries = [
        {
            "subject": subject.name,
            "split": subject.split,
            "slices": len(subject.slices),
            "dice": float(np.clip(rng.beta(14, 1.6), 0.05, 0.99)),
        }
        for subject in subjects
    ]
    own = [entry["dice"] for entry in entries if entry["split"] == "evaluation"]
    return {
        "timings": [
            _timing(batch, case.torch_ms * batch**0.92, case, rng, unstable=False)
            for batch in case.batches
        ],
        "preparation_ms": {"decode": 0.41, "normalise": 0.66},
        "dice": {"mean": float(np.mean(own)), "median": float(np.median(own)), "min": min(own)},
        "subjects": entries,
    }


_LOSS = {"fp32": 0.0, "tf32": 1e-4, "fp16": 2e-4, "bf16": 2e-3, "int8": 4e-3, "fp8": 5e-3}
_ERROR = {"fp32": 3e-6, "tf32": 4e-3, "fp16": 9e-3, "bf16": 0.07, "int8": 0.21, "fp8": 0.3}


def _engines(
    case: Case, subjects: list[Subject], reference: dict[str, Any], rng: np.random.Generator
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    entries, scored = [], []
    for runtime in case.runtimes:
        for precision in case.precisions:
            for batch in case.batches:
                record = _record(case, runtime, precision, batch, rng)
                fault = case.faults.get(record.name, Fault())
                timing = {
                    "timing": _timing(
                        batch, case.speed(runtime, precision, batch), case, rng, fault.unstable
                    ),
                    "load_stages_ms": {"read_back": 40.0 + batch, "first_run": 12.5 * batch},
                    "memory_mib": 180.0 + 42.0 * batch,
                    **_conditions(case),
                }
                scores = _scores(
                    record.name,
                    precision=precision,
                    reference=reference,
                    rng=rng,
                    fault=fault,
                    subjects=subjects,
                )
                verdict = {
                    "verdict": "fail" if fault.failures else "pass",
                    "failures": list(fault.failures),
                    "precision_proof": {
                        "layers": {"fp32": 0.2, str(precision): 0.8},
                        "convolutions": {str(precision): 1.0},
                        "weighed_by": "flops",
                    },
                }
                run = not fault.not_run
                entries.append(
                    engine_entry(
                        record,
                        judged={record.name: verdict} if run else {},
                        scored={record.name: scores} if run else {},
                        timed={record.name: timing} if run else {},
                        not_run={record.name: fault.not_run},
                        reference=reference["timings"],
                    )
                )
                if run:
                    scored.append(scores)
    return entries, scored


def _record(
    case: Case, runtime: str, precision: Precision, batch: int, rng: np.random.Generator
) -> EngineRecord:
    size = {"fp32": 31, "tf32": 31, "fp16": 15.6, "bf16": 15.6, "int8": 8.1, "fp8": 8.1}[precision]
    return EngineRecord(
        runtime=runtime,
        settings=BuildSettings(batch_size=batch, precision=precision),
        status="built",
        graph_sha256=_digest(precision.graph),
        target={"runtime": case.machine[runtime], "cpu": case.machine["cpu"]},
        code=_digest("code"),
        engine_sha256=_digest(f"{runtime}{precision}{batch}"),
        engine_bytes=int(size * 2**20),
        build_ms=float(rng.uniform(400, 4000)),
        notes=["made up for an example"],
    )


def _scores(
    name: str,
    *,
    precision: Precision,
    reference: dict[str, Any],
    rng: np.random.Generator,
    fault: Fault,
    subjects: list[Subject],
) -> dict[str, Any]:
    loss = fault.dice_loss or _LOSS[precision]
    entries = []
    for entry in reference["subjects"]:
        lost = loss * float(rng.uniform(0.2, 1.8)) if loss else 0.0
        own = float(np.clip(entry["dice"] - lost, 0, 1))
        entries.append(
            {
                "subject": entry["subject"],
                "split": entry["split"],
                "slices": entry["slices"],
                "dice": own,
                "reference_dice": entry["dice"],
                "dice_to_reference": float(np.clip(1 - lost, 0, 1)),
                "flipped_pixels": int(lost * 40_000),
            }
        )
    pixels = 65536 * sum(len(subject.slices) for subject in subjects)
    flipped = sum(entry["flipped_pixels"] for entry in entries)
    errors = {
        "pixels": pixels,
        "max_abs_error": _ERROR[precision] * float(rng.uniform(0.8, 1.2)),
        "mean_abs_error": _ERROR[precision] / 400,
        "relative_l2": _ERROR[precision] / 30,
        "cosine_similarity": 1 - (_ERROR[precision] / 30) ** 2 / 2,
        "flipped_pixels": flipped,
        "flipped_fraction": flipped / pixels,
        "non_finite": 0,
    }
    return {
        "engine": name,
        "subjects": entries,
        "slices": [],
        "errors": errors,
        "errors_every_slice": errors,
        "dice": quality(entries),
    }


def _rules(engines: int) -> list[dict[str, Any]]:
    jobs = {
        "run_engine": engines,
        "time_engine": engines,
        "build_engine": engines,
        "score_engine": engines,
        "encode_slices": 1,
        "list_slices": 1,
        "export_onnx": 1,
    }
    return [
        {
            "rule": rule,
            "jobs": count,
            "seconds": 31.5 / (1 + place) * 2,
            "longest_seconds": 9.1 / (1 + place),
            "cpu_seconds": 44.0 / (1 + place) if place else None,
            "max_rss_mib": 812.0 - 60 * place,
        }
        for place, (rule, count) in enumerate(jobs.items())
    ]


def _graph() -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="520" height="60">'
        '<g font-family="sans-serif" font-size="14" text-anchor="middle">'
        '<rect x="5" y="10" width="140" height="36" fill="none" stroke="#555"/>'
        '<text x="75" y="33">list_slices</text><path d="M145 28h40" stroke="#555"/>'
        '<rect x="185" y="10" width="140" height="36" fill="none" stroke="#555"/>'
        '<text x="255" y="33">encode_slices</text><path d="M325 28h40" stroke="#555"/>'
        '<rect x="365" y="10" width="140" height="36" fill="none" stroke="#555"/>'
        '<text x="435" y="33">write_report</text></g></svg>'
    )
