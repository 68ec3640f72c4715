"""Snakemake's own cores and memory in a container."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from segtrt.machine import cgroup
from segtrt.plan.limits import keep_within_machine
from snakemake.resources import Resources


@pytest.fixture(autouse=True)
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container with three of eight cores and 2 GB; returns the folder of its limits."""
    (tmp_path / "proc").write_text("0::/\n")
    (tmp_path / "cpu.max").write_text("300000 100000\n")
    (tmp_path / "memory.max").write_text("2000000000\n")
    monkeypatch.setattr(cgroup, "GROUPS", tmp_path / "proc")
    monkeypatch.setattr(cgroup, "MOUNT", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr("snakemake.utils.available_cpu_count", lambda: 8)
    return tmp_path


def a_workflow(cores: int = 8, *, main: bool = True, remote: bool = False, **limits: Any) -> Any:
    resources = Resources.from_mapping({"gpu": 1, **limits})
    resources["_cores"] = cores
    return SimpleNamespace(
        is_main_process=main,
        non_local_exec=remote,
        resource_settings=SimpleNamespace(cores=cores),
        global_resources=resources,
    )


def limits_of(workflow: Any) -> dict[str, Any]:
    return {name: resource.value for name, resource in workflow.global_resources.items()}


def test_all_cores_and_all_memory_are_the_containers() -> None:
    workflow = a_workflow()
    reported = keep_within_machine(workflow)
    assert reported == ["this container has 3 of 8 cores and 2.0 GB of memory for jobs"]
    assert limits_of(workflow) == {"gpu": 1, "_cores": 3, "mem_mb": 2000}


def test_what_the_user_says_stays() -> None:
    workflow = a_workflow(cores=5, mem_mb=700)
    assert keep_within_machine(workflow) == []
    assert limits_of(workflow) == {"gpu": 1, "_cores": 5, "mem_mb": 700}


def test_without_a_container_only_memory_is_limited(container: Path) -> None:
    (container / "proc").write_text("")
    workflow = a_workflow()
    assert keep_within_machine(workflow) == []
    limits = limits_of(workflow)
    assert limits.pop("mem_mb") > 500
    assert limits == {"gpu": 1, "_cores": 8}


@pytest.mark.parametrize("how", [{"main": False}, {"remote": True}])
def test_jobs_and_clusters_are_left_alone(how: dict[str, bool]) -> None:
    workflow = a_workflow(**how)
    before = limits_of(workflow)
    assert keep_within_machine(workflow) == []
    assert limits_of(workflow) == before
