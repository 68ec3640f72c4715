"""The summary's machines, with PyTorch's times on each, and PyTorch's Dice."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from segtrt.data.preparation_timing import read_preparation
from segtrt.errors import SegtrtError
from segtrt.files import read_json
from segtrt.summary.engines import engine_parts

Json = dict[str, Any]


def machine_entries(
    names: Sequence[str],
    reference_timings: Sequence[Path],
    preparations: Sequence[Path],
    timed: Mapping[str, Json],
) -> list[Json]:
    """An entry for each machine: what it is, PyTorch's times and the preparation's.

    Args:
        names: names of the machines, empty for this one.
        reference_timings: PyTorch's times on each.
        preparations: times of decoding and normalising on each.
        timed: engine -> its timing.

    Raises:
        SegtrtError: a file is missing or of another format.
    """
    entries = []
    for name, timing, preparation in zip(names, reference_timings, preparations, strict=True):
        reference = _read_reference(timing)
        own = {key: one for key, one in timed.items() if engine_parts(key)[1] == name}
        entries.append(
            {
                "name": name,
                "facts": _facts(reference, own),
                "timings": reference["timings"],
                "preparation_ms": read_preparation(preparation),
            }
        )
    return entries


def _read_reference(path: Path) -> Json:
    data = read_json(path, "reference timing")
    if not isinstance(data, dict) or "timings" not in data:
        raise SegtrtError(
            f"{path} is not a reference timing this version can read; delete it and run the "
            "workflow again"
        )
    return data


def _facts(reference: Mapping[str, Any], timed: Mapping[str, Json]) -> Json:
    """What PyTorch and the engines ran on; a runtime's version goes under the runtime's name.

    Facts on which timings disagree, because they were taken on several machines, are all told.
    Where no engine was timed, there are those of PyTorch's timing.
    """
    facts: dict[str, list[str]] = {}
    for name, times in timed.items():
        for key, value in (times["machine"] or {}).items():
            told = facts.setdefault(engine_parts(name)[0] if key == "runtime" else key, [])
            if value is not None and str(value) not in told:
                told.append(str(value))
    merged = {key: " / ".join(values) for key, values in facts.items() if values}
    own = {key: str(reference[key]) for key in ("device", "torch", "threads") if reference.get(key)}
    return {**(merged or reference.get("machine", {})), **own}


def reference_dice(scored: Sequence[Json]) -> Json:
    """PyTorch's Dice, as every engine's scores repeat it: `dice` over subjects, and `subjects`."""
    some = next((scores for scores in scored if "subjects" in scores), None)
    subjects = [
        {
            "subject": entry["subject"],
            "split": entry["split"],
            "slices": entry["slices"],
            "dice": entry["reference_dice"],
        }
        for entry in (some["subjects"] if some else [])
    ]
    own = [entry["dice"] for entry in subjects if entry["split"] == "evaluation"]
    return {
        "dice": {"mean": fmean(own), "median": median(own), "min": min(own)} if own else None,
        "subjects": subjects,
    }
