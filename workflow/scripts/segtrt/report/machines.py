"""Machines in the report: one is not mentioned, several are distinguished everywhere."""

from collections.abc import Mapping
from typing import Any

from segtrt.precision import Precision
from segtrt.report import wording

_NAMELESS = "one without a name"


def several(summary: Mapping[str, Any]) -> bool:
    """Whether there are several machines to distinguish."""
    return len(summary["machines"]) > 1


def shown(summary: Mapping[str, Any], machine: str) -> str:
    """The machine's name if there are several machines to distinguish, else nothing."""
    return machine if several(summary) else ""


def entry(summary: Mapping[str, Any], machine: str) -> Mapping[str, Any]:
    """The entry of the machine of that name in the summary's `machines`."""
    found: Mapping[str, Any] = next(one for one in summary["machines"] if one["name"] == machine)
    return found


def reference_name(summary: Mapping[str, Any], machine: str, batch_size: int) -> str:
    """`pytorch/b4_fp32`, or `pytorch@a100/b4_fp32`, as engines are called."""
    own = "pytorch" if summary["reference"]["name"] == "PyTorch" else "reference"
    return f"{own}{'@' if machine else ''}{machine}/b{batch_size}_{Precision.FP32}"


def device(facts: Mapping[str, Any]) -> str:
    """The device in a few words: the GPU if there is one, else the processor."""
    for key in ("gpu", "gpu_name", "device_name", "cpu", "cpu_model", "processor", "device"):
        if facts.get(key):
            return str(facts[key])
    return "this machine"


def facts(summary: Mapping[str, Any]) -> dict[str, list[str]]:
    """Every fact, in words, with its value on each machine."""
    names = dict.fromkeys(key for one in summary["machines"] for key in one["facts"])
    return {
        wording.fact_name(key): [
            str(one["facts"].get(key, wording.MISSING)) for one in summary["machines"]
        ]
        for key in names
    }


def compared(summary: Mapping[str, Any]) -> str:
    """In a sentence, how the machines differ from those of the run that is compared with."""
    own = {one["name"]: one["facts"] for one in summary["machines"]}
    other = summary["comparison"]["machines"]
    if summary["comparison"]["same_machines"]:
        return "The same machines." if several(summary) else "The same machine."
    if len(own) == len(other) == 1:
        return "Another machine."
    groups = {
        "Changed machines": [
            f"{name} ({wording.listed(_changed(own[name], other[name]))})"
            for name in own
            if name in other and own[name] != other[name]
        ],
        "Machines only here": [name or _NAMELESS for name in own if name not in other],
        "Machines only there": [name or _NAMELESS for name in other if name not in own],
    }
    return " ".join(
        f"{what}: {wording.listed(names, most=8)}." for what, names in groups.items() if names
    )


def _changed(own: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [
        wording.fact_name(key)
        for key in dict.fromkeys([*own, *other])
        if own.get(key) != other.get(key)
    ]


def differing(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The other run's machines that this run does not have, or not like this: name -> facts."""
    own = {one["name"]: one["facts"] for one in summary["machines"]}
    other = summary["comparison"]["machines"]
    return {name: facts for name, facts in other.items() if own.get(name) != facts}
