"""The summary's part on mixes: what was chosen and predicted, beside what the engine came to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segtrt.precision import SOURCE
from segtrt.quality.mix_file import MIN_GAIN, MixPlan, read_mix

Json = dict[str, Any]

Mixes = Mapping[tuple[str, str], MixPlan]
"""Place (`runtime`, or `runtime@machine`) and name of each mix -> its plan."""


def read_mixes(paths: Sequence[Path]) -> Mixes:
    """Read mixes; each lies in the folder of its place, under its name.

    Raises:
        SegtrtError: a file is missing or of another format.
    """
    return {(path.parent.name, path.stem): read_mix(path) for path in paths}


def lowered_regions(name: str, mixes: Mixes) -> int | None:
    """How many regions of an engine are not in float32; None if it is no mix."""
    place, _, cell = name.partition("/")
    variant = cell.partition("_")[2].removesuffix("_dynamic")
    plan = mixes.get((place, variant))
    return None if plan is None else len(plan.choices)


def mix_entries(mixes: Mixes, engines: Sequence[Mapping[str, Any]]) -> list[Json]:
    """An entry for each mix.

    Args:
        mixes: the plans.
        engines: the summary's entries of engines.
    """
    return [_entry(place, plan, engines) for (place, _), plan in mixes.items()]


def _entry(place: str, plan: MixPlan, engines: Sequence[Mapping[str, Any]]) -> Json:
    runtime, _, machine = place.partition("@")
    known = {one["name"]: one for one in engines}
    at_batch = f"{place}/b{plan.batch_size}_"
    own = known.get(at_batch + plan.precision)
    return {
        "runtime": runtime,
        "machine": machine,
        "precision": str(plan.precision),
        "budget": plan.budget,
        "batch_size": plan.batch_size,
        "min_gain": MIN_GAIN,
        "choices": [asdict(one) for one in plan.choices],
        "predicted": {
            "plain_ms": plan.predicted.plain_ms,
            "latency_ms": plan.predicted.latency_ms,
            "metric_loss": plan.predicted.metric_loss,
            "flipped_fraction": plan.predicted.flipped_fraction,
        },
        "found": {
            "engine": own["name"] if own else None,
            "verdict": own["verdict"] if own else None,
            "plain_ms": _latency(known.get(at_batch + SOURCE)),
            "latency_ms": _latency(own),
            "metric_loss": own["quality"]["loss"] if own and own["quality"] else None,
            "flipped_fraction": own["errors"]["flipped_fraction"]
            if own and own["errors"]
            else None,
        },
    }


def _latency(engine: Mapping[str, Any] | None) -> float | None:
    """Median latency of a batch in milliseconds, if it was timed."""
    timing = engine["timing"] if engine else None
    return float(timing["total"]["median"]) if timing else None
