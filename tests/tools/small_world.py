"""A working folder whose images and weights are a few bytes each: enough to plan, not to run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from segtrt.machine import facts
from segtrt.machine.facts import Machine, description
from segtrt.machine.gpu import GpuFacts
from segtrt.runtimes.base import Availability
from segtrt.runtimes.tensorrt.runtime import TensorRT

SUBJECTS = ("anna", "berta", "carla", "doris", "emma")


def write_image(folder: Path, subject: str, number: int = 1, content: str = "") -> None:
    """Write a slice and its mask, of which a plan looks at names and bytes alone."""
    for kind in ("", "_mask"):
        path = folder / f"images/{subject}/{subject}_{number}{kind}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{subject} {number} {kind} {content}", encoding="utf-8")


def write_world(folder: Path) -> dict[str, dict[str, Any]]:
    """Write five subjects of two slices, and weights; returns the settings that name them."""
    for subject in SUBJECTS:
        for number in (1, 2):
            write_image(folder, subject, number)
    weights = folder / "weights.safetensors"
    weights.write_text("0", encoding="utf-8")
    return {
        "dataset": {"source": "path", "path": str(folder / "images"), "shards": 2},
        # Said, so that engines depend on no image, as with the demo's and the Kaggle data.
        "tensors": {"samples": [{"subject": "anna", "slice": 1}], "size": [256, 256]},
        "model": {"weights": str(weights)},
    }


def a_machine(gpu: str | None = "GPU A", driver: str = "580", cpu: str = "CPU 1") -> Machine:
    """A machine, with a GPU unless that is None."""
    return Machine(cpu, "avx2", GpuFacts(gpu, "9.0", driver, "13.0", 80_000) if gpu else None)


def become(patch: pytest.MonkeyPatch, machine: Machine, tensorrt: str = "11") -> None:
    """Plan on a made-up machine, on which TensorRT and TensorRT-RTX are available."""
    patch.setattr(facts, "this_machine", lambda: machine)
    patch.setattr(TensorRT, "version", lambda _: tensorrt)
    patch.setattr(TensorRT, "availability", lambda *_: Availability(True, True))


def describe(folder: Path, machines: Mapping[str, Machine]) -> dict[str, dict[str, Any]]:
    """Write the machines' descriptions; returns the setting that names them."""
    from segtrt.files import write_json

    for name, machine in machines.items():
        write_json(folder / description(name), machine.to_json())
    return {name: {} for name in machines}
