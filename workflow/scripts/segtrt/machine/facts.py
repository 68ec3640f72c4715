"""Machines: what engines are built for and times depend on, seen here or described on the spot.

On a cluster the plan is made on one machine and jobs run on others. Those the configuration names
(`machines`) are known by their descriptions, one JSON file each, which a job on the machine writes.
"""

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.formats import unreadable
from segtrt.machine import gpu
from segtrt.machine.cpu import describe_cpu
from segtrt.machine.gpu import GpuFacts

FORMAT = "segtrt-machine-1"
FOLDER = Path("config/machines")
"""Where descriptions lie, in the working folder; they are settings, so nothing cleans them up."""
_KINDS = {str: "a text", int: "a whole number"}
_DESCRIBE = "run: snakemake describe_machines"
PLANNED_ON = "SEGTRT_PLANNED_ON"
"""Environment variable that tells jobs, as JSON, which machine made the plan."""


@dataclass(frozen=True)
class Machine:
    """A machine as far as engines and times depend on it; two of one kind are equal."""

    cpu: str
    """The CPU's model."""
    isa: str
    """Its extensions that matter here, sorted, with spaces between."""
    gpu: GpuFacts | None
    """The GPU that CUDA uses first; None if there is none or no driver for it."""

    def facts(self) -> dict[str, Any]:
        """What times depend on beside versions of packages; flat."""
        return {**self.cpu_facts(), **self.gpu_facts()}

    def cpu_facts(self) -> dict[str, Any]:
        """What an engine for the CPU depends on: `cpu`, `isa`."""
        return {"cpu": self.cpu, "isa": self.isa}

    def gpu_facts(self) -> dict[str, Any]:
        """What an engine for the GPU depends on: `gpu`, `compute_capability`, `driver`, `cuda`."""
        if self.gpu is None:
            return {}
        return {
            "gpu": self.gpu.name,
            "compute_capability": self.gpu.compute_capability,
            "driver": self.gpu.driver,
            "cuda": self.gpu.cuda,
        }

    def to_json(self) -> dict[str, Any]:
        """The description: what `read_machine` reads."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Machine":
        """The machine that a description is of.

        Raises:
            ValueError: it is not a description; says in a few words why.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        found = data.get("gpu", "missing")
        if found is not None and not isinstance(found, Mapping):
            raise ValueError(f"gpu is {found}, expected null or an object")
        own = _checked(data, {"cpu": str, "isa": str}, "")
        facts = {one.name: int if one.name == "memory_mib" else str for one in fields(GpuFacts)}
        gpu_facts = GpuFacts(**_checked(found, facts, "gpu.")) if found is not None else None
        if gpu_facts and not re.fullmatch(r"\d+\.\d+", gpu_facts.compute_capability):
            raise ValueError(f"gpu.compute_capability is {gpu_facts.compute_capability!r}")
        return cls(own["cpu"], own["isa"], gpu_facts)


def _checked(data: Mapping[str, Any], kinds: Mapping[str, type], prefix: str) -> dict[str, Any]:
    for name, kind in kinds.items():
        value = data.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            problem = f"is {value!r}" if name in data else "is missing"
            raise ValueError(f"{prefix}{name} {problem}, expected {_KINDS[kind]}")
    return {name: data[name] for name in kinds}


def this_machine() -> Machine:
    """The machine that this process runs on."""
    cpu = describe_cpu()
    return Machine(cpu["cpu"], cpu["isa"], gpu.facts())


def description(name: str) -> Path:
    """Where the description of the machine of that name lies, relative to the working folder."""
    return FOLDER / f"{name}.json"


def read_machine(path: Path) -> Machine:
    """Read a machine's description.

    Raises:
        SegtrtError: missing, not to be read, not JSON, or not a description.
    """
    try:
        return Machine.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        fault = "does not exist"
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
    except (ValueError, RecursionError) as error:
        raise unreadable(path, "machine's description", error, _DESCRIBE) from None
    raise SegtrtError(f"{path} {fault}; {_DESCRIBE}")


def undescribed(names: Collection[str], folder: Path) -> list[str]:
    """Which of the machines have no description in the working folder yet; sorted."""
    return [name for name in sorted(names) if not (folder / description(name)).is_file()]


def machines_of_plan(names: Collection[str], folder: Path) -> dict[str, Machine]:
    """The machines that a plan is for, by name; without names the one that plans, of empty name.

    Args:
        names: names of the configuration's machines; each has its description.
        folder: the working folder.

    Raises:
        SegtrtError: descriptions are missing, or one cannot be read.
    """
    if missing := undescribed(names, folder):
        raise SegtrtError(
            f"machines: {', '.join(missing)} not described yet in {FOLDER}; run first: "
            "snakemake describe_machines, with the profile that the workflow runs with"
        )
    found = {name: read_machine(folder / description(name)) for name in sorted(names)}
    return found or {"": planning_machine()}


def keep_descriptions(pairs: Sequence[tuple[Path, Path]]) -> list[str]:
    """Move new descriptions to the place of those that are kept, readable or not.

    Args:
        pairs: each the new description and where it is kept.

    Returns:
        A line for each: what is new or changed.

    Raises:
        SegtrtError: there is none at all, or a new one that cannot be read.
    """
    if not pairs:
        raise SegtrtError("the configuration names no machine; name those of the cluster: machines")
    lines = []
    for new, kept in pairs:
        machine = read_machine(new)
        changes = _changes(_known(kept), machine.facts())
        write_json(kept, machine.to_json())
        new.unlink()
        lines.append(f"{kept}: {', '.join(changes) or 'unchanged'}")
    return lines


def _known(kept: Path) -> dict[str, Any]:
    try:
        return read_machine(kept).facts()
    except SegtrtError:
        return {}


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is new, or what changed and how; of the CPU's extensions only what came and went."""
    if not before:
        return [str(value) for key, value in now.items() if key != "isa"]
    changes = [
        f"{key} {_fact(before, key)} -> {_fact(now, key)}"
        for key in _differing(before, now)
        if key != "isa"
    ]
    had, has = (set(facts["isa"].split()) for facts in (before, now))
    moves = [f"+{name}" for name in sorted(has - had)] + [f"-{name}" for name in sorted(had - has)]
    return [*changes, f"isa {' '.join(moves)}"] if moves else changes


def pass_machine_to_jobs() -> None:
    """Tell the jobs that this process starts, or submits, that the plan was made here."""
    os.environ[PLANNED_ON] = json.dumps(this_machine().to_json())


def planning_machine() -> Machine:
    """The machine that the plan was made on: this one, unless this is a job of another's plan.

    So that plan and job agree on what the job is for, wherever it runs.
    """
    planned = os.environ.get(PLANNED_ON)
    return Machine.from_json(json.loads(planned)) if planned else this_machine()


def differences(planned: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """How facts of this machine differ from those a job was planned for, one line each."""
    return [
        f"{key} is {_fact(here, key)}, planned for {_fact(planned, key)}"
        for key in _differing(planned, here)
    ]


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [key for key in dict.fromkeys([*one, *other]) if one.get(key) != other.get(key)]


def refuse_other_machine(planned: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Stop a job that does not run on the machine that it was planned for.

    Args:
        planned: facts and versions in the job's key.
        here: the same, of this machine.

    Raises:
        SegtrtError: they differ.
    """
    found = differences(planned, here)
    if found:
        raise SegtrtError(
            f"this job runs on another machine than it was planned for: {'; '.join(found)}; name "
            "the machine under `machines` in the configuration, or describe it anew (snakemake "
            "describe_machines); docs/clusters.md says how"
        )


def _fact(facts: Mapping[str, Any], key: str) -> str:
    return str(facts.get(key) or "none")
