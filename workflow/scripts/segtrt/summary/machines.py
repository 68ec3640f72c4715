"""The summary's machines, with the reference's times on each, and the reference's figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, median
from typing import Any

from segtrt.config.settings import Tolerance
from segtrt.data.preparation_file import read_preparation
from segtrt.engines.timing_file import EngineTiming
from segtrt.model.reference_timing_file import ReferenceTiming, read_reference_timing
from segtrt.precision import Precision
from segtrt.quality.reference_scores import ReferenceScores
from segtrt.summary.baselines import baseline_entry, reference_way
from segtrt.summary.engines import engine_parts

Json = dict[str, Any]


def machine_entries(
    names: Sequence[str],
    reference_timings: Sequence[Path],
    preparations: Sequence[Path],
    timed: Mapping[str, EngineTiming],
    tolerances: Mapping[Precision, Tolerance],
) -> list[Json]:
    """An entry for each machine: what it is, PyTorch's times and the preparation's.

    Args:
        names: names of the machines, empty for this one.
        reference_timings: PyTorch's times on each.
        preparations: times of decoding and normalising on each.
        timed: engine -> its timing.
        tolerances: by precision what answers may differ by from those in float32.

    Raises:
        SegtrtError: a file is missing or of another format.
    """
    entries = []
    for name, timing, preparation in zip(names, reference_timings, preparations, strict=True):
        reference = read_reference_timing(timing)
        prepared = read_preparation(preparation)
        own = {key: one for key, one in timed.items() if engine_parts(key)[1] == name}
        entries.append(
            {
                "name": name,
                "facts": _facts(reference, own),
                "timed": reference_way(reference),
                "timings": [asdict(one) for one in reference.timings],
                "baselines": [baseline_entry(one, tolerances) for one in reference.baselines],
                "preparation_ms": {"decode": prepared.decode, "normalise": prepared.normalise},
            }
        )
    return entries


def _facts(reference: ReferenceTiming, timed: Mapping[str, EngineTiming]) -> Json:
    """What PyTorch and the engines ran on; a runtime's version goes under the runtime's name.

    Facts on which timings disagree, because they were taken on several machines, are all listed.
    Where no engine was timed, there are those of PyTorch's timing.
    """
    facts: dict[str, list[str]] = {}
    for name, times in timed.items():
        for key, value in (times.machine or {}).items():
            seen = facts.setdefault(engine_parts(name)[0] if key == "runtime" else key, [])
            if value is not None and str(value) not in seen:
                seen.append(str(value))
    merged = {key: " / ".join(values) for key, values in facts.items() if values}
    own = {"device": reference.device, "torch": reference.torch, "threads": reference.threads}
    return {**(merged or reference.machine), **{key: str(own[key]) for key in own if own[key]}}


def reference_entry(scores: ReferenceScores, min_reference: float) -> Json:
    """The reference's figures.

    Args:
        scores: its scores.
        min_reference: the mean metric that it must reach for a verdict on engines to mean anything.

    Returns:
        `quality`, the metric over the evaluation subjects (None without a figure), `has_truth`,
        `largest_component` (whether no other part of a class is scored), `doubt`
        (`ReferenceScores.doubt`) and `subjects`.
    """
    own = [one.figure for one in scores.evaluated if one.figure is not None]
    worst = min if scores.metric.higher_is_better else max
    return {
        "quality": {
            "mean": fmean(own),
            "median": median(own),
            "worst": worst(own),
            "classes": list(scores.class_means()),
        }
        if own
        else None,
        "has_truth": scores.has_truth,
        "largest_component": scores.largest_component,
        "doubt": scores.doubt(min_reference),
        "subjects": [asdict(entry) for entry in scores.subjects],
    }
