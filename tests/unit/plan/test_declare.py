"""Rules declared once: edges, keys and what runs follow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.plan import rules
from segtrt.plan.declare import Plan, one_line_errors, verified
from segtrt.plan.node import Node
from segtrt.plan.records import FORMAT
from segtrt.plan.states import State

SHARDS = ["00", "01"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rules, "code_of", lambda rule, *_: f"code of {rule}")
    return tmp_path


class Mark(str):
    """An input whose time does not count."""


def plan(opset: int = 20, counted: list[str] | None = None, **options: Any) -> Plan:
    """Four rules: shards, a graph from nothing, engines from the graph, scores of both."""
    made = Plan(
        {"shard": "[0-9]+", "cell": "[a-z0-9]+", "at": "(@[a-z]+)?"},
        anonymous=["at"],
        ancient=Mark,
        trigger=lambda: "results/changes.txt",
        **options,
    )

    def images(wildcards: Any) -> str:
        if counted is not None:
            counted.append(wildcards.shard)
        return f"images of {wildcards.shard}"

    made.makes("encode", tensors="results/tensors/{shard}.bin")
    made.uses("encode")
    made.decided_by("encode", images=images)
    made.makes("export", graph="results/graph.onnx")
    made.uses("export")
    made.decided_by("export", opset=opset, stored=True)
    made.makes("build", engine="results/engines/{cell}{at}.bin", note="results/{cell}{at}.json")
    made.uses("build", graph="results/graph.onnx")
    made.decided_by("build", settings=lambda w: w.cell)
    made.makes("score", scores="results/scores/{cell}{at}.json")
    made.uses(
        "score",
        engine=lambda w: f"results/engines/{w.cell}{w.at}.bin",
        tensors=verified([f"results/tensors/{shard}.bin" for shard in SHARDS]),
    )
    made.decided_by("score", threshold=0.5)
    return made


def finish(node: Node, content: str = "x") -> None:
    """Leave behind what the job of `node` does."""
    for path in node.outputs:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content)
    params = node.as_params()
    used = {path: f"{up.key}" for up in node.upstream for path in up.outputs}
    record = {"format": FORMAT, "key": node.key, "parts": node.parts, "inputs": used}
    made = dict.fromkeys(node.outputs, node.key)
    write_json(Path(node.record), record | {"upstream": params["upstream"], "outputs": made})


def test_edges_follow_from_paths() -> None:
    score = plan().node("score", {"cell": "b1", "at": ""})
    assert [up.label for up in score.upstream] == ["build b1"]
    assert [up.label for up in score.verifies] == ["encode 00", "encode 01"]
    assert score.outputs == ("results/scores/b1.json",)
    assert plan().edges("score", {"cell": "b1", "at": ""}) == [
        ("build", "score"),
        ("encode", "score"),
        ("export", "build"),
    ]


def test_nodes_are_made_for_what_is_asked_for_and_once() -> None:
    counted: list[str] = []
    made = plan(counted=counted)
    made.node("build", {"cell": "b1", "at": ""})
    assert counted == []
    score = made.node("score", {"cell": "b1", "at": ""})
    made.node("score", {"cell": "b2", "at": ""})
    assert sorted(counted) == SHARDS
    assert made.node("score", {"cell": "b1", "at": ""}) is score
    assert [node.label for node in made.closure([score])].count("encode 00") == 1


def test_what_decides_leads_to_what_is_made_of_it_and_what_is_verified_does_not() -> None:
    key = plan().node("score", {"cell": "b1", "at": ""}).key
    assert plan(opset=18).node("score", {"cell": "b1", "at": ""}).key != key
    other = plan()
    other.rules["encode"].parts = {"images": "others"}
    assert other.node("score", {"cell": "b1", "at": ""}).key == key


def test_a_machines_name_is_no_part_of_what_a_job_is_and_all_else_is() -> None:
    made = plan()
    here = made.node("build", {"cell": "b1", "at": ""})
    there = made.node("build", {"cell": "b1", "at": "@a"})
    assert here.key == there.key and here.record != there.record
    made.rules["build"].parts = {}
    assert (
        made.node("build", {"cell": "b2", "at": ""}).key
        != made.node("build", {"cell": "b3", "at": ""}).key
    )


def test_inputs_of_a_current_job_are_ancient_and_may_be_gone() -> None:
    made = plan()
    wildcards = {"cell": "b1", "at": ""}
    for node in made.closure([made.node("score", wildcards)]):
        finish(node)
    fresh = plan()
    inputs = fresh.uses("score", **fresh.rules["score"].uses)
    assert inputs["changes"](wildcards) == []
    assert isinstance(inputs["engine"](wildcards), Mark)
    assert [type(path) for path in inputs["tensors"](wildcards)] == [Mark, Mark]
    Path("results/tensors/00.bin").unlink()
    fresh = plan()
    inputs = fresh.uses("score", **fresh.rules["score"].uses)
    assert inputs["tensors"](wildcards) == ["results/tensors/01.bin"]
    forced = plan(is_forced=lambda: True)
    inputs = forced.uses("score", **forced.rules["score"].uses)
    assert len(inputs["tensors"](wildcards)) == 2


def test_an_outdated_job_has_one_more_input() -> None:
    wildcards = {"cell": "b1", "at": ""}
    made = plan()
    for node in made.closure([made.node("score", wildcards)]):
        finish(node)
    changed = plan(opset=18)
    inputs = changed.uses("score", **changed.rules["score"].uses)
    assert inputs["changes"](wildcards) == ["results/changes.txt"]
    assert type(inputs["engine"](wildcards)) is str
    states = {node.label: status.state for node, status in changed.states.out_of_date().items()}
    assert states == dict.fromkeys(["export", "build b1", "score b1"], State.STALE)


def test_a_job_that_reads_the_workflow_looks_at_its_own_node_alone() -> None:
    counted: list[str] = []
    wildcards = {"cell": "b1", "at": ""}
    planned = plan()
    for node in planned.closure([planned.node("score", wildcards)]):
        finish(node)
    job = plan(counted=counted, in_job=True)
    assert job.node("score", wildcards).key == planned.node("score", wildcards).key
    assert counted == []
    inputs = job.uses("score", **job.rules["score"].uses)
    assert inputs["changes"](wildcards) == [] and len(inputs["tensors"](wildcards)) == 2
    Path(planned.node("build", wildcards).record).unlink()
    again = plan(in_job=True)
    assert again.node("score", wildcards).key == planned.node("score", wildcards).key


def test_paths_lie_below_the_prefix() -> None:
    made = plan(prefix="below/")
    node = made.node("export")
    assert node.record == "below/results/keys/export/all.json"
    assert made.states.of(node).state is State.MISSING
    Path("below/results").mkdir(parents=True)
    Path("below/results/graph.onnx").touch()
    assert plan(prefix="below/").states.of(node).state is State.STALE


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda made: made.maker("results/typo.bin"), "no rule of the workflow makes results/typo"),
        (lambda made: made.maker("results/tensors/x.bin"), "no rule of the workflow makes"),
    ],
)
def test_a_path_that_no_rule_makes_is_refused(call: Callable[[Plan], Any], match: str) -> None:
    with pytest.raises(SegtrtError, match=match):
        call(plan())


def test_a_wrong_path_in_a_rule_is_refused_when_its_job_is_asked_for() -> None:
    made = plan()
    made.uses("score", engine="results/engine/{cell}.bin")
    with pytest.raises(SegtrtError, match=r"makes results/engine/b1\.bin"):
        made.node("score", {"cell": "b1", "at": ""})


def test_a_rule_is_declared_once_and_whole() -> None:
    made = plan()
    with pytest.raises(ValueError, match="declared twice"):
        made.makes("export", graph="elsewhere")
    made.makes("half", file="results/half")
    with pytest.raises(ValueError, match="does not declare what decides it"):
        made.node("half")
    made.makes("rival", file="results/{name}.onnx")
    with pytest.raises(ValueError, match="made by several rules: export, rival"):
        made.maker("results/graph.onnx")


def test_mistakes_end_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @one_line_errors
    def function(wildcards: Any, attempt: int) -> int:
        raise SegtrtError(f"no {wildcards} in attempt {attempt}")

    with pytest.raises(SystemExit) as end:
        function("cell", attempt=2)
    assert end.value.code == 1
    assert capsys.readouterr().err == "segtrt: no cell in attempt 2\n"
