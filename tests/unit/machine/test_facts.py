"""Machines: described, read again, and distinguished."""

import json
from pathlib import Path

import pytest
from segtrt.errors import SegtrtError
from segtrt.machine import facts as module
from segtrt.machine.facts import (
    PLANNED_ON,
    Machine,
    description,
    differences,
    keep_descriptions,
    machines_of_plan,
    pass_machine_to_jobs,
    planning_machine,
    read_machine,
    refuse_other_machine,
    this_machine,
    undescribed,
)
from segtrt.machine.gpu import GpuFacts

A100 = Machine("EPYC", "avx2 fma", GpuFacts("NVIDIA A100", "8.0", "580.1", "13.0", 40_960))
NODE = Machine("Xeon", "amx_int8 avx2", None)


@pytest.fixture(autouse=True)
def _unplanned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PLANNED_ON, raising=False)


def keep(folder: Path, name: str, machine: Machine) -> list[str]:
    """Describe a machine as its job and the rule after it do."""
    new = folder / "new.json"
    new.write_text(json.dumps(machine.to_json()))
    return keep_descriptions([(new, folder / description(name))])


@pytest.mark.parametrize("machine", [A100, NODE])
def test_a_description_is_read_again(machine: Machine, tmp_path: Path) -> None:
    keep(tmp_path, "one", machine)
    assert read_machine(tmp_path / description("one")) == machine
    assert machines_of_plan(["one"], tmp_path) == {"one": machine}
    assert not (tmp_path / "new.json").exists()


def test_facts_of_a_gpu_are_there_if_it_is() -> None:
    assert A100.facts() == {
        "cpu": "EPYC",
        "isa": "avx2 fma",
        "gpu": "NVIDIA A100",
        "compute_capability": "8.0",
        "driver": "580.1",
        "cuda": "13.0",
    }
    assert NODE.facts() == NODE.cpu_facts()
    assert NODE.gpu_facts() == {}


def test_what_changed_on_a_machine_is_reported(tmp_path: Path) -> None:
    path = tmp_path / description("gpu")
    [first] = keep(tmp_path, "gpu", A100)
    assert first == f"{path}: EPYC, NVIDIA A100, 8.0, 580.1, 13.0"
    assert keep(tmp_path, "gpu", A100) == [f"{path}: unchanged"]
    newer = GpuFacts("NVIDIA A100", "8.0", "581.2", "13.1", 40_960)
    [changed] = keep(tmp_path, "gpu", Machine("EPYC", "avx2 fma", newer))
    assert changed == f"{path}: driver 580.1 -> 581.2, cuda 13.0 -> 13.1"
    [lost] = keep(tmp_path, "gpu", Machine("EPYC", "avx2 fma", None))
    assert "gpu NVIDIA A100 -> none" in lost
    [better] = keep(tmp_path, "gpu", Machine("EPYC", "amx_int8 fma", None))
    assert better == f"{path}: isa +amx_int8 -avx2"


def test_a_new_description_takes_the_place_of_one_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / description("node")
    path.parent.mkdir(parents=True)
    path.write_text('{"format": ')
    assert keep(tmp_path, "node", NODE) == [f"{path}: Xeon"]
    assert read_machine(path) == NODE


def test_no_machine_to_describe_is_reported() -> None:
    with pytest.raises(SegtrtError, match="names no machine"):
        keep_descriptions([])


def test_those_without_a_description_are_named(tmp_path: Path) -> None:
    keep(tmp_path, "b", NODE)
    assert undescribed(["c", "b", "a"], tmp_path) == ["a", "c"]
    reported = (
        "machines: a, c not described yet in config/machines; run first: snakemake describe_mach"
    )
    with pytest.raises(SegtrtError, match=reported):
        machines_of_plan(["c", "b", "a"], tmp_path)
    with pytest.raises(SegtrtError, match="does not exist; run: snakemake describe_machines"):
        read_machine(tmp_path / description("a"))


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        json.dumps({**NODE.to_json(), "format": "segtrt-machine-0"}),
        json.dumps({**NODE.to_json(), "gpu": {"name": "half of it"}}),
        json.dumps({**NODE.to_json(), "gpu": "A100"}),
        json.dumps({**NODE.to_json(), "cpu": None}),
        json.dumps({**NODE.to_json(), "isa": ["avx2"]}),
        json.dumps({"format": "segtrt-machine-1", "cpu": "Xeon", "isa": "avx2"}),
        json.dumps(A100.to_json()).replace('"8.0"', "8.0"),
        json.dumps(A100.to_json()).replace('"8.0"', '"new"'),
        '{"format": "segtrt-mach',
    ],
)
def test_another_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(SegtrtError) as reported:
        read_machine(path)
    assert "describe_machines" in str(reported.value)
    assert "\n" not in str(reported.value)


def test_without_names_the_plan_is_for_this_machine(tmp_path: Path) -> None:
    assert machines_of_plan([], tmp_path) == {"": this_machine()}


def test_a_job_plans_for_the_machine_that_sent_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "this_machine", lambda: A100)
    monkeypatch.setenv(PLANNED_ON, "")  # so that it is taken back
    pass_machine_to_jobs()
    monkeypatch.setattr(module, "this_machine", lambda: NODE)
    assert planning_machine() == A100
    assert machines_of_plan([], tmp_path) == {"": A100}


def test_a_job_on_another_machine_stops() -> None:
    planned, here = A100.facts(), Machine("EPYC", "avx2 fma", None).facts()
    assert differences(planned, planned) == []
    refuse_other_machine(planned, planned)
    with pytest.raises(SegtrtError) as reported:
        refuse_other_machine(planned, here)
    message = str(reported.value)
    assert "gpu is none, planned for NVIDIA A100; " in message
    assert "docs/clusters.md" in message
    assert "cpu is" not in message
