"""What may change from outside, and what the last runs left on disk."""

import copy
from dataclasses import dataclass, field
from typing import Any

Job = tuple[str, str]
"""Rule, and its wildcards in one word."""

REPORT: Job = ("write_report", "")
PACKAGED: Job = ("make_package", "")

MACHINE = {
    "cpu": "Example CPU 1",
    "gpu": "Example GPU A",
    "compute_capability": "8.9",
    "driver": "580.1",
    "cuda": "13.0",
    "openvino": "2026.4.1",
    "onnxruntime": "1.31.1",
    "tensorrt": "10.9",
}

RUNTIMES = ("openvino", "onnxruntime", "tensorrt")
"""Runtimes, whose versions the machine has."""

HARDWARE = ("cpu", "gpu", "compute_capability", "driver", "cuda")

SLICES = 2
"""Slices of each subject."""


@dataclass
class World:
    """All that may change from outside."""

    config: dict[str, dict[str, Any]]
    subjects: dict[str, int] = field(default_factory=dict)
    """Subject -> version of its images."""
    weights: int = 0
    own: int = 0
    """Version of the user's own Python code."""
    graph: int = 0
    """Version of a network that is an ONNX file."""
    compared: int = 0
    """Version of the earlier summary that the configuration may name."""
    code: dict[str, int] = field(default_factory=dict)
    scripts: dict[str, int] = field(default_factory=dict)
    templates: dict[str, int] = field(default_factory=dict)
    packages: dict[str, int] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=lambda: dict(MACHINE))
    """The one that plans: its hardware, and the packages that all share."""
    described: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name -> hardware of the machines that the configuration may name."""

    def copy(self) -> "World":
        """A copy that shares nothing."""
        return copy.deepcopy(self)


@dataclass
class Disk:
    """What the last runs left: per job what decided it, and of what its inputs were."""

    signature: dict[Job, Any] = field(default_factory=dict)
    content: dict[Job, Any] = field(default_factory=dict)
    """What its outputs are; differs from run to run where a job is not repeatable."""
    used: dict[Job, dict[Job, Any]] = field(default_factory=dict)
    """The contents that it was made from."""
    present: set[Job] = field(default_factory=set)
    runs: int = 0
