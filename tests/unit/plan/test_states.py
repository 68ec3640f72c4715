"""Keys and states: what a key covers, and what the records on disk say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from segtrt.files import write_json
from segtrt.plan.node import Node
from segtrt.plan.records import FORMAT, differences, read_key_record
from segtrt.plan.states import State, States, Status, summarise_changes, table

CELL = {"runtime": "x", "batch": "1"}
GRAPH = Node("export", "", {}, ("results/graph",), {"opset": 20})
ENGINE = Node(
    "build", "x/b1", CELL, ("results/e.bin", "results/e.json"), {"target": {"gpu": "A"}}, (GRAPH,)
)
RUN = Node("run", "x/b1", CELL, ("results/p",), {}, (ENGINE,), temporary=True)
SCORE = Node("score", "x/b1", CELL, ("results/s",), {"threshold": 0.5}, (RUN,))
ALL = [GRAPH, ENGINE, RUN, SCORE]


def make(node: Node, *, run: int = 0) -> None:
    """Leave behind what the job of `node` does; `run` makes other bytes."""
    outputs = {}
    for path in node.outputs:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"{node.key} {run}")
        outputs[path] = f"{node.key} {run} of {path}"
    inputs: dict[str, str] = {}
    for up in node.upstream:
        record = read_key_record(Path(up.record))
        inputs |= record["outputs"] if record else {}
    params = node.as_params()
    write_json(
        Path(node.record),
        {
            "format": FORMAT,
            "key": node.key,
            "parts": params["parts"],
            "upstream": params["upstream"],
            "inputs": inputs,
            "outputs": outputs,
        },
    )


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All four made; the temporary one used up."""
    monkeypatch.chdir(tmp_path)
    for node in ALL:
        make(node)
    Path(RUN.outputs[0]).unlink()
    return tmp_path


def chain(**parts: dict[str, Any]) -> list[Node]:
    """The nodes with other parts."""
    nodes: list[Node] = []
    for node in ALL:
        upstream = tuple(n for n in nodes if n.rule in {up.rule for up in node.upstream})
        nodes.append(replace(node, parts=parts.get(node.rule, node.parts), upstream=upstream))
    return nodes


def states(nodes: list[Node]) -> list[State]:
    found = States()
    return [found.of(node).state for node in nodes]


def test_a_key_covers_rule_parts_and_what_is_upstream() -> None:
    assert chain()[3].key == SCORE.key
    assert replace(ENGINE, rule="other").key != ENGINE.key
    assert replace(ENGINE, parts={"target": {"gpu": "B"}}).key != ENGINE.key
    assert chain(export={"opset": 18})[3].key != SCORE.key
    assert (
        replace(ENGINE, parts={"b": 1, "a": 2}).key == replace(ENGINE, parts={"a": 2, "b": 1}).key
    )


def test_what_a_job_is_tells_its_key_from_every_other() -> None:
    graphs = [Node("convert", g, {"graph": g}, (f"{g}.onnx",), {}, (GRAPH,)) for g in "ab"]
    assert graphs[0].key != graphs[1].key
    assert replace(graphs[0], rule="other").key != graphs[0].key


def test_a_key_covers_neither_files_nor_what_is_only_verified() -> None:
    other = replace(ENGINE, outputs=("elsewhere",), verifies=(SCORE,), stored=True, temporary=True)
    assert other.key == ENGINE.key


@pytest.mark.usefixtures("base")
def test_what_is_made_is_current() -> None:
    assert states(ALL) == [State.CURRENT, State.CURRENT, State.MISSING, State.CURRENT]
    assert States().settled(RUN)


@pytest.mark.usefixtures("base")
def test_a_changed_part_is_distinguished_from_what_to_what() -> None:
    nodes = chain(build={"target": {"gpu": "B"}})
    assert states(nodes) == [State.CURRENT, State.STALE, State.MISSING, State.STALE]
    found = States()
    assert found.of(nodes[1]).why == ("target.gpu: A -> B",)
    assert found.of(nodes[3]).why == ("made from run x/b1, which changed",)
    assert not found.settled(nodes[2])


@pytest.mark.usefixtures("base")
def test_a_change_that_is_taken_back_is_none() -> None:
    assert states(chain(export={"opset": 18}))[0] is State.STALE
    assert states(chain(export={"opset": 20})) == states(ALL)


def test_what_follows_a_missing_artefact_runs_again(base: Path) -> None:
    (base / "results/e.json").unlink()
    assert states(ALL) == [State.CURRENT, State.INCOMPLETE, State.MISSING, State.FOLLOWS]
    found = States()
    assert found.of(ENGINE).why == ("results/e.json is missing",)
    assert found.of(SCORE).why == ("run x/b1 is made again",)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"format": "other"}'])
def test_without_a_sound_record_an_artefact_is_stale(base: Path, text: str | None) -> None:
    record = base / ENGINE.record
    record.unlink() if text is None else record.write_text(text)
    verdict = States().of(ENGINE)
    assert (verdict.state, verdict.why) == (State.STALE, ("it has no key record",))


def test_a_placeholder_is_enough_only_where_it_is_allowed(base: Path) -> None:
    path = base / ENGINE.record
    write_json(path, {**(read_key_record(path) or {}), "placeholder": "no kernel"})
    assert states([ENGINE]) == [State.CURRENT]
    strict = replace(ENGINE, accepts_placeholder=False)
    assert strict.key == ENGINE.key
    status = States().of(strict)
    assert status.state is State.STALE
    assert status.why == ("it was skipped, which is no longer allowed: no kernel",)


@pytest.mark.usefixtures("base")
def test_what_was_made_of_other_bytes_is_stale() -> None:
    make(ENGINE, run=1)
    assert states(ALL)[1] is State.CURRENT
    found = States()
    assert not found.settled(RUN)
    assert found.of(RUN).why == ("build x/b1 was made again since",)
    assert found.of(SCORE).state is State.FOLLOWS


def test_a_used_up_file_says_nothing_about_what_was_made_of_it(base: Path) -> None:
    (base / RUN.record).unlink()
    assert states(ALL)[3] is State.CURRENT


@pytest.mark.usefixtures("base")
def test_what_runs_without_a_missing_file_to_show_for_it_is_changed() -> None:
    found = States()
    assert not any(found.changed(node) for node in ALL)
    nodes = chain(export={"opset": 18})
    found = States()
    assert [found.changed(node) for node in nodes] == [True, True, True, True]
    assert [found.of(node).state for node in nodes][2] is State.MISSING


@pytest.mark.usefixtures("base")
def test_a_first_run_has_nothing_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    found = States()
    assert not any(found.changed(node) for node in ALL) and found.out_of_date() == {}


def test_what_is_missing_below_a_change_is_changed_even_through_verified_files(base: Path) -> None:
    """As Snakemake does not look for missing files behind a job that it runs."""
    middle = Node("time", "", {}, ("results/t",), {}, (GRAPH,), verifies=(ENGINE,))
    last = Node("summarise", "", {}, ("results/sum",), {}, (middle,))
    make(middle)
    make(last)
    (base / "results/sum").unlink()
    assert not States().changed(last)
    stale = chain(build={"target": {"gpu": "B"}})[1]
    middle = replace(middle, verifies=(stale,))
    last = replace(last, upstream=(middle,))
    found = States()
    assert found.settled(middle) and found.of(last).state is State.MISSING
    assert found.changed(last)


def test_differences_of_nested_parts_and_hashes() -> None:
    record = {"parts": {"a": {"b": 1, "gone": True}, "code": "0" * 64}, "upstream": {"x": "1"}}
    params = {"parts": {"a": {"b": 2}, "code": "f" * 64}, "upstream": {"y": "1"}}
    assert differences(record, params) == (
        "a.b: 1 -> 2",
        "a.gone: True -> none",
        "code: 000000000000 -> ffffffffffff",
        "made from x, which changed",
        "made from y, which changed",
    )


def test_long_lists_of_changes_are_shortened(base: Path) -> None:
    nodes = [Node("a", str(i), {"i": str(i)}, (f"results/{i}",), {}) for i in range(20)]
    for node in nodes:
        (base / node.outputs[0]).touch()
    follows = {SCORE: Status(State.FOLLOWS, ("a 1 is made again",))}
    found = States()
    changes = {**{node: found.of(node) for node in nodes}, **follows}
    lines = summarise_changes(changes, at_most=3).splitlines()
    assert lines[0] == "a 0: stale (it has no key record)"
    assert lines[3:] == ["and 17 more that are out of date", "and 1 that follow from these"]
    long = {nodes[0]: Status(State.STALE, ("x" * 500,))}
    assert len(summarise_changes(long)) == 160


def test_the_table_has_two_columns() -> None:
    assert table([("a", "one"), ("long", "two")]) == "  a     one\n  long  two"
    assert table([]) == ""


def test_params_are_plain_and_in_one_order() -> None:
    parts = {"a": 1, "b": [1, 2]}
    node = replace(SCORE, upstream=(RUN, ENGINE), verifies=(GRAPH,), parts=parts)
    params = node.as_params()
    assert json.loads(json.dumps(params)) == params
    assert params["parts"] == parts
    assert list(params["upstream"]) == ["build x/b1", "run x/b1"]
    assert params["verified"] == ["results/keys/export/all.json"]


def test_a_job_with_some_of_its_outputs_is_changed(base: Path) -> None:
    """The job after it may need just the files that are there."""
    (base / "results/e.json").unlink()
    found = States()
    assert found.changed(ENGINE) and ENGINE in found.out_of_date()
    (base / "results/e.bin").unlink()
    assert States().of(ENGINE).state is State.MISSING and not States().changed(ENGINE)
