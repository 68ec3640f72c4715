"""Summaries of made-up runs, with their pictures.

The same seed gives the same summaries; nothing in them was measured.
"""

import hashlib
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from example_cases import CASES, HOSTILE, Case, Fault, Place
from example_pictures import write_pictures
from example_rebuilds import example_rebuilds
from example_regions import example_search
from example_scores import make_reference, make_scores
from example_workflow import graph, rules
from segtrt.config.resolve import resolve_config
from segtrt.data.layout import Ignored
from segtrt.data.manifest import Grid, ItemEntry, Manifest, Subject
from segtrt.engines.budget import TimingBudget
from segtrt.engines.record import EngineRecord
from segtrt.engines.timing import measure
from segtrt.engines.timing_file import EngineTiming, TimingResult
from segtrt.model.network_file import UNET
from segtrt.model.reference_timing_file import Baseline
from segtrt.model.spec import Activation, NetworkSpec
from segtrt.precision import Precision
from segtrt.quality.reference_scores import ReferenceScores
from segtrt.quality.scores import Errors, Scores
from segtrt.quality.verdict import PrecisionProof, Verdict
from segtrt.runtimes.base import BatchTiming, BuildSettings
from segtrt.runtimes.registry import get_runtime
from segtrt.summary.baselines import baseline_entry
from segtrt.summary.engines import engine_entry, engine_order, left_out_entry
from segtrt.summary.summarise import compose, write_summary

_GRID = Grid(3, (256, 256), None)

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
    settings = resolve_config(
        {
            "engines": {"batch_sizes": list(case.batches), "on_unsupported": "skip"},
            "report": report,
            "validation": {"metric": case.metric},
        }
    )
    reference = make_reference(case, subjects, rng)
    machines = [_machine(case, name, place, rng) for name, place in case.machines.items()]
    engines, scored = _engines(case, reference, {one["name"]: one for one in machines}, rng)
    engines += [left_out_entry(name, reason) for name, reason in case.left_out.items()]
    engines.sort(key=engine_order)
    summary = compose(
        settings=settings,
        manifest=Manifest(
            tuple(subjects),
            case.skipped,
            Ignored(len(case.ignored), case.ignored, 0),
            (),
            (_GRID,),
            case.twins,
        ),
        network=NetworkSpec(
            input="images",
            channels=3,
            size=(None, None),
            multiple=(16, 16),
            batch=None,
            output="probabilities",
            classes=len(case.classes),
            activation=Activation.SIGMOID,
            stride=(1, 1),
        ),
        notes=["out is used (of full size)"],
        weights_sha256=_digest("weights"),
        patches={"patch": [3, 256, 256], "patches": case.slices * len(subjects)},
        graphs={
            graph: _digest(graph)
            for place in case.machines.values()
            for runtime, precision in product(place.runtimes, case.precisions)
            for graph in [get_runtime(runtime).graph(precision)]
        },
        machines=machines,
        reference_scores=reference,
        engines=engines,
        rules=rules(len(engines)),
        rule_graph=graph(),
        # Of its own seed: the other figures stay what they are.
        precision_search=example_search(np.random.default_rng(case.seed)),
    )
    write_summary(summary, folder / "summary.json", folder / "summary.csv")
    write_pictures(folder / "overlays", case, summary, scored, settings.report, rng=rng)
    return summary


def _earlier(case: Case) -> Case:
    """A run on fewer batch sizes; its first machine's driver was older and first runtime slower."""
    (first, place), *others = case.machines.items()

    def speed(runtime: str, precision: Precision, batch: int) -> float:
        return case.speed(runtime, precision, batch) * (1.3 if runtime == place.runtimes[0] else 1)

    before = replace(place, facts={**place.facts, "driver": "580.65"})
    return replace(
        case,
        title="The run before",
        report={},
        speed=speed,
        earlier=False,
        faults={},
        batches=case.batches[:2],
        machines={first: before, **dict(others)},
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
                ItemEntry(
                    str(number),
                    (f"{place}/{number}.tif",),
                    f"{place}/{number}_mask.tif",
                    (),
                    f"{place}/{number}_mask.tif",
                    _GRID,
                )
                for number in range(1, case.slices + 1)
            ),
        )
        for place, name in enumerate(case.subjects)
    ]


def _timing(
    batch: int,
    milliseconds: float,
    rng: np.random.Generator,
    *,
    runs: int,
    copies: bool,
    unstable: bool = False,
) -> TimingResult:
    spread = 0.3 if unstable else 0.02

    def step() -> BatchTiming:
        run = milliseconds * float(1 + abs(rng.normal(0, spread)))
        copy = 0.03 * batch**0.9 if copies else None
        return BatchTiming(run, copy, copy and copy / 3)

    ticks = iter(range(10**9))
    return measure(
        step,
        batch_size=batch,
        budget=TimingBudget(runs, None, 5),
        clock=lambda: float(next(ticks)),
    )


def _conditions(place: Place) -> dict[str, Any]:
    if "gpu" not in place.facts:
        return {"mode": "stream", "threads": 2}
    state = {"sm_clock_mhz": 1980, "temperature_c": 41, "power_w": 120.5, "slowdown": []}
    return {
        "mode": "graph",
        "warm_start": True,
        "gpu_before": state,
        "gpu_after": {**state, "temperature_c": 58, "power_w": 412.0},
    }


def _machine(case: Case, name: str, place: Place, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "name": name,
        "facts": place.facts,
        "timed": "PyTorch eager fp32",
        "timings": [asdict(one) for one in _torch_timings(case, place, rng)],
        "baselines": [
            baseline_entry(one, resolve_config({}).validation.tolerances)
            for one in _baselines(case, place)
        ],
        "preparation_ms": {"decode": place.decode_ms, "normalise": place.normalise_ms},
    }


def _torch_timings(
    case: Case, place: Place, rng: np.random.Generator, factor: float = 1.0
) -> tuple[TimingResult, ...]:
    return tuple(
        _timing(
            batch, factor * place.torch_ms * batch**0.92, rng, runs=case.runs, copies=place.copies
        )
        for batch in case.batches
    )


def _baselines(case: Case, place: Place) -> list[Baseline]:
    """PyTorch in low precision, which counts, compiled, which does not, and one that failed."""
    rng = np.random.default_rng(case.seed + 1)
    low = Precision.FP16 if "gpu" in place.facts else Precision.BF16
    form = f"weights in {low}, channels last"

    def errors(flipped: int) -> Errors:
        pixels = 32 * 65536
        return Errors(
            *(32, pixels, 0.2, 1e-4, 1e-3, 4e-3, 5e-3, 0.99999),
            *(pixels, flipped, flipped / pixels, 0),
        )

    return [
        Baseline(f"eager {low}", low, form, "", errors(150), _torch_timings(case, place, rng, 0.4)),
        Baseline(
            f"compiled {low}", low, form, "", errors(9000), _torch_timings(case, place, rng, 0.3)
        ),
        Baseline(
            "compiled fp32", Precision.FP32, "", "PyTorch cannot run the network so: no", None, ()
        ),
    ]


def _engines(
    case: Case,
    reference: ReferenceScores,
    machines: dict[str, Any],
    rng: np.random.Generator,
) -> tuple[list[dict[str, Any]], dict[str, Scores]]:
    """Entries of all engines, and the scores of those that were run."""
    entries: list[dict[str, Any]] = []
    scored: dict[str, Scores] = {}
    for machine, place in case.machines.items():
        for runtime, precision, batch in product(place.runtimes, case.precisions, case.batches):
            record = _record(place, runtime, precision, batch, rng)
            where = f"{runtime}{'@' if machine else ''}{machine}"
            name = f"{where}/b{batch}_{precision}"
            fault = case.faults.get(name, Fault())
            timing = EngineTiming(
                runtime=runtime,
                batch_size=batch,
                precision=str(precision),
                status="built",
                reason="",
                timing=_timing(
                    batch,
                    case.speed(runtime, precision, batch) * place.slowness,
                    rng,
                    runs=case.runs,
                    copies=place.copies,
                    unstable=fault.unstable,
                ),
                load_stages_ms={"read_back": 40.0 + batch, "first_run": 12.5 * batch},
                memory_mib=180.0 + 42.0 * batch,
                **_conditions(place),
            )
            scores = make_scores(name, precision, reference=reference, rng=rng, fault=fault)
            run = not fault.not_run
            entries.append(
                engine_entry(
                    name,
                    record,
                    verdict=_verdict(name, precision, fault) if run else None,
                    scores=scores if run else None,
                    timing=timing if run else None,
                    not_run=fault.not_run,
                    machine=machines[machine],
                    rebuilds=_rebuilds(case, name, reference, timing) if run else None,
                )
            )
            if run:
                scored[name] = scores
    return entries, scored


def _rebuilds(
    case: Case, name: str, reference: ReferenceScores, timing: EngineTiming
) -> dict[str, Any] | None:
    """Of the engines whose rebuilds the case has; of their own seed, as the regions are."""
    if name not in case.rebuilt or timing.timing is None:
        return None
    rng = np.random.default_rng(case.seed)
    median = timing.timing.total.median
    return example_rebuilds(name, reference, median, rng, case.rebuilt[name])


def _verdict(name: str, precision: Precision, fault: Fault) -> Verdict:
    return Verdict(
        engine=name,
        verdict="fail" if fault.failures else "pass",
        reason="",
        failures=fault.failures,
        tolerance={},
        precision_proof=PrecisionProof(
            layers={"fp32": 0.2, str(precision): 0.8},
            convolutions={str(precision): 1.0},
            weighed_by="flops",
        ),
        confident=False,
        loss_interval=None,
    )


def _record(
    place: Place, runtime: str, precision: Precision, batch: int, rng: np.random.Generator
) -> EngineRecord:
    size = {"fp32": 31, "tf32": 31, "fp16": 15.6, "bf16": 15.6, "int8": 8.1, "fp8": 8.1}[precision]
    return EngineRecord(
        runtime=runtime,
        network=UNET,
        settings=BuildSettings(batch_size=batch, precision=precision),
        graph=get_runtime(runtime).graph(precision),
        status="built",
        graph_sha256=_digest(get_runtime(runtime).graph(precision)),
        target={"runtime": place.facts[runtime], "cpu": place.facts["cpu"]},
        code=_digest("code"),
        engine_sha256=_digest(f"{runtime}{precision}{batch}"),
        engine_bytes=int(size * 2**20),
        build_ms=float(rng.uniform(400, 4000)),
        notes=["made up for an example"],
    )
