"""Three made-up runs for the report: a demo, a GPU with trouble, and the whole Kaggle set.

The same seed gives the same summaries; nothing in them was measured.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from segtrt.config import resolve_config
from segtrt.dataset import Manifest, SkippedSubject, SliceEntry, Subject
from segtrt.outlines import outline
from segtrt.overlays import FORMAT as OVERLAYS
from segtrt.overlays import choose_slices, webp
from segtrt.precision import Precision
from segtrt.record import EngineRecord
from segtrt.runtimes.base import BatchTiming, BuildSettings
from segtrt.scoring import quality
from segtrt.selection_rule import Candidate, pick_engine
from segtrt.summary import compose, write_summary
from segtrt.summary_engines import engine_entry, engine_order, left_out_entry
from segtrt.timing import measure

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;</script><b>" + "很长的名字" * 30


@dataclass(frozen=True)
class Fault:
    """What is wrong with one engine."""

    unstable: bool = False
    dice_loss: float = 0.0
    failures: tuple[str, ...] = ()
    not_run: str = ""


@dataclass(frozen=True)
class Case:
    """A made-up run."""

    title: str
    subjects: Sequence[str]
    slices: int
    runtimes: Sequence[str]
    batches: Sequence[int]
    precisions: Sequence[Precision]
    speed: Callable[[str, Precision, int], float]
    """Milliseconds for a batch."""
    torch_ms: float
    """PyTorch's milliseconds for an image at batch 1."""
    machine: dict[str, str]
    copies: bool = False
    seed: int = 0
    calibration: int = 1
    faults: dict[str, Fault] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    skipped: tuple[SkippedSubject, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    runs: int = 30


_CPU = {
    "cpu": "Example CPU with two cores at 2.6 GHz (family 6 model 143)",
    "isa": "avx2 avx512_vnni avx512f fma",
    "cores": "2",
    "onnxruntime": "1.31.1",
    "openvino": "2026.4.1",
    "torch": "2.13.0",
    "threads": "2",
}
_GPU = {
    "cpu": "Example server CPU",
    "cores": "16",
    "gpu": "Example GPU 80GB",
    "compute_capability": "9.0",
    "driver": "590.12",
    "cuda": "13.0",
    "tensorrt_rtx": "1.6.1.120",
    "onnxruntime": "1.31.1",
    "torch": "2.13.0",
}


def demo() -> Case:
    """Five subjects and twelve engines on a small CPU."""
    factor = {Precision.FP32: 1.0, Precision.INT8: 0.55}

    def speed(runtime: str, precision: Precision, batch: int) -> float:
        base = 62.0 if runtime == "onnxruntime" else 29.0
        return base * factor[precision] * batch**0.96

    return Case(
        title="Segmentation engines, proven on your images",
        subjects=[f"DEMO_{i:04d}" for i in range(1, 6)],
        slices=16,
        runtimes=["onnxruntime", "openvino"],
        batches=[1, 4, 16],
        precisions=[Precision.FP32, Precision.INT8],
        speed=speed,
        torch_ms=205.0,
        machine=_CPU,
        faults={"onnxruntime/b16_fp32": Fault(unstable=True)},
    )


def gpu() -> Case:
    """A GPU run with failures, skipped engines and subjects, unstable timings, hostile names."""

    def speed(runtime: str, precision: Precision, batch: int) -> float:
        base = {"fp32": 0.5, "tf32": 0.42, "fp16": 0.29, "bf16": 0.30, "int8": 0.24, "fp8": 0.2}
        slow = 60.0 if runtime == "onnxruntime" else 1.0
        return slow * base[precision] * (0.55 + 0.45 * batch) ** 0.8

    reason = 'INT8 convolutions need one of "float, half, bf16 or fp8" on compute capability 9.0'
    return Case(
        title=f"GPU run {HOSTILE}",
        subjects=[*(f"TCGA_EX_{i:04d}_19990101" for i in range(11)), HOSTILE],
        slices=22,
        runtimes=["tensorrt_rtx", "onnxruntime"],
        batches=[1, 4, 32],
        precisions=[Precision.FP32, Precision.TF32, Precision.FP16, Precision.BF16],
        speed=speed,
        torch_ms=1.45,
        machine=_GPU,
        copies=True,
        seed=1,
        calibration=2,
        faults={
            "tensorrt_rtx/b4_fp16": Fault(unstable=True),
            "tensorrt_rtx/b32_fp16": Fault(
                dice_loss=0.031, failures=("max_abs_error 0.3 > 0.05", "dice_loss 0.031 > 0.003")
            ),
            "tensorrt_rtx/b1_bf16": Fault(
                dice_loss=0.93, failures=("dice_loss 0.93 > 0.01", "non_finite 131072 > 0")
            ),
            "tensorrt_rtx/b32_bf16": Fault(failures=("bf16_share 0.12 < 0.5",)),
            "onnxruntime/b1_bf16": Fault(not_run="the GPU it was built for is not here"),
            "onnxruntime/b4_bf16": Fault(not_run="the GPU it was built for is not here"),
            "onnxruntime/b32_bf16": Fault(not_run="the GPU it was built for is not here"),
        },
        left_out={f"tensorrt_rtx/b{batch}_int8": reason for batch in (1, 4, 32)},
        skipped=(
            SkippedSubject(
                "TCGA_EX_0099_19990101", "slice 7: mask is 255 x 256, expected 256 x 256"
            ),
            SkippedSubject(HOSTILE, "folder is empty"),
        ),
        report={"max_dice_loss": 0.0005, "max_latency_ms": 0.2, "title": f"GPU run {HOSTILE}"},
        runs=200,
    )


def kaggle() -> Case:
    """110 subjects and 24 engines."""
    factor = {Precision.FP32: 1.0, Precision.FP16: 0.7, Precision.INT8: 0.45}

    def speed(runtime: str, precision: Precision, batch: int) -> float:
        base = 232.0 if runtime == "onnxruntime" else 170.0
        return base * factor[precision] * batch**0.93

    return Case(
        title="LGG MRI, 110 patients",
        subjects=[
            f"TCGA_{['CS', 'DU', 'FG', 'HT'][i % 4]}_{4900 + i}_19970{1 + i % 9}12"
            for i in range(110)
        ],
        slices=36,
        runtimes=["onnxruntime", "openvino"],
        batches=[1, 4, 8, 16],
        precisions=[Precision.FP32, Precision.FP16, Precision.INT8],
        speed=speed,
        torch_ms=414.0,
        machine=_CPU,
        seed=2,
        calibration=22,
        report={"overlay_subjects": 5, "max_dice_loss": 0.005},
        runs=100,
    )


CASES = {"demo": demo, "gpu": gpu, "kaggle": kaggle}


def make_example(case: Case, folder: Path) -> dict[str, Any]:
    """Write `summary.json`, `summary.csv` and `overlays/` of a case to `folder`.

    Returns:
        The summary.
    """
    rng = np.random.default_rng(case.seed)
    subjects = _subjects(case)
    config = resolve_config(
        {
            "engines": {"batch_sizes": list(case.batches), "on_unsupported": "skip"},
            "report": {"title": case.title, **case.report},
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
    _write_overlays(folder / "overlays", summary, scored, config["report"], rng)
    return summary


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


def _blob(rng: np.random.Generator, grow: float) -> np.ndarray:
    """A lesion as a mask, (256, 256) bool: a circle with a wavy edge."""
    y, x = np.mgrid[:256, :256]
    row, column, radius = rng.uniform(80, 170, 3) * (1, 1, 0.16)
    angle = np.arctan2(y - row, x - column)
    wave = 1 + 0.18 * np.sin(3 * angle + row) + 0.08 * np.sin(7 * angle + column)
    return np.asarray(np.hypot(y - row, x - column) < radius * wave * grow)


def _brain(rng: np.random.Generator, lesion: np.ndarray) -> np.ndarray:
    """A picture that may pass for a slice at a glance, (256, 256) float32."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    inside = np.hypot((y - 128) / 105, (x - 128) / 82)
    noise = rng.normal(0, 1, (256, 256))
    smooth = np.real(
        np.fft.ifft2(
            np.fft.fft2(noise)
            * np.exp(-((np.fft.fftfreq(256)[:, None] ** 2 + np.fft.fftfreq(256) ** 2) * 600))
        )
    )
    tissue = 0.45 + 0.12 * np.sign(smooth) * (inside < 0.9) + 0.35 * lesion
    ventricle = np.hypot((y - 120) / 26, (np.abs(x - 128) - 12) / 7) < 1
    tissue = np.where(ventricle, 0.12, tissue)
    tissue = np.where(inside > 0.95, 0.75, tissue) * (inside < 1)
    return (tissue + rng.normal(0, 0.02, (256, 256))).astype(np.float32)


def _write_overlays(
    folder: Path,
    summary: dict[str, Any],
    scored: list[dict[str, Any]],
    report: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    choice = pick_engine(
        [Candidate.of(engine) for engine in summary["engines"]],
        max_dice_loss=report["max_dice_loss"],
        max_latency_ms=report["max_latency_ms"],
    )
    shown = choice.engine or choice.closest
    lesions = {
        entry["subject"]: list(range(entry["slices"] // 4, entry["slices"] * 3 // 4))
        for entry in summary["reference"]["subjects"]
    }
    wanted: dict[tuple[str, int], None] = {}
    engines = {}
    for scores in sorted(scored, key=lambda one: one["engine"] != shown):
        scores["slices"] = [
            {
                "subject": entry["subject"],
                "number": number,
                "flipped_pixels": int(entry["flipped_pixels"] / (1 + abs(number - 8))),
                "outline": "",
            }
            for entry in scores["subjects"]
            for number in lesions[entry["subject"]]
        ]
        engines[scores["engine"]] = choose_slices(
            scores, lesions, report["overlay_subjects"], report["overlay_slices"], wanted
        )
    slices = {}
    for place, (subject, number) in enumerate(wanted):
        key = f"{subject}/{number}"
        state = rng.bit_generator.state
        lesion = _blob(rng, 1.0)
        rng.bit_generator.state = state
        predicted = outline(_blob(rng, 1.06))
        (folder / f"{place:04d}.webp").write_bytes(webp(_brain(rng, lesion)))
        slices[key] = {
            "subject": subject,
            "number": number,
            "split": "evaluation",
            "image": f"{place:04d}.webp",
            "truth": outline(lesion),
            "reference": predicted,
        }
        rng.bit_generator.state = state
        shifted = outline(_blob(rng, 0.94))
        rng.random(100)
        for chosen in engines.values():
            if key in chosen["outlines"]:
                chosen["outlines"][key] = shifted
    index = {"format": OVERLAYS, "slices": slices, "engines": engines}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


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
