"""Keys and states: what an artefact's key covers, and what the records on disk say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from segtrt.files import write_json
from segtrt.plan.nodes import (
    FORMAT,
    Node,
    State,
    States,
    differences,
    explain,
    note_changes,
    read_key_record,
    shortened,
    state_table,
)

GRAPH = Node("export", "", ("results/graph",), {"opset": 20})
ENGINE = Node(
    "build", "x/b1", ("results/e.bin", "results/e.json"), {"target": {"gpu": "A"}}, (GRAPH,)
)
RUN = Node("run", "x/b1", ("results/p",), {}, (ENGINE,), temporary=True)
SCORE = Node("score", "x/b1", ("results/s",), {"threshold": 0.5}, (RUN,))
ALL = [GRAPH, ENGINE, RUN, SCORE]


def make(base: Path, node: Node, *, run: int = 0) -> None:
    """Leave behind what the job of `node` does; `run` makes other bytes."""
    outputs = {}
    for path in node.outputs:
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(f"{node.key} {run}")
        outputs[path] = f"{node.key} {run} of {path}"
    inputs: dict[str, str] = {}
    for up in node.upstream:
        record = read_key_record(base / up.record)
        inputs |= record["outputs"] if record else {}
    params = node.as_params()
    write_json(
        base / node.record,
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
def base(tmp_path: Path) -> Path:
    """All four made; the temporary one used up."""
    for node in ALL:
        make(tmp_path, node)
    (tmp_path / RUN.outputs[0]).unlink()
    return tmp_path


def chain(**parts: dict[str, Any]) -> list[Node]:
    """The nodes with other parts."""
    nodes: list[Node] = []
    for node in ALL:
        upstream = tuple(n for n in nodes if n.rule in {up.rule for up in node.upstream})
        nodes.append(replace(node, parts=parts.get(node.rule, node.parts), upstream=upstream))
    return nodes


def states(base: Path, nodes: list[Node]) -> list[State]:
    found = States(base)
    return [found.of(node).state for node in nodes]


def test_a_key_covers_rule_parts_and_what_is_upstream() -> None:
    assert chain()[3].key == SCORE.key
    assert replace(ENGINE, rule="other").key != ENGINE.key
    assert replace(ENGINE, parts={"target": {"gpu": "B"}}).key != ENGINE.key
    assert chain(export={"opset": 18})[3].key != SCORE.key
    assert (
        replace(ENGINE, parts={"b": 1, "a": 2}).key == replace(ENGINE, parts={"a": 2, "b": 1}).key
    )


def test_a_key_covers_neither_files_nor_what_is_only_read() -> None:
    other = replace(ENGINE, outputs=("elsewhere",), reads=(SCORE,), kept=True, temporary=True)
    assert other.key == ENGINE.key


def test_what_is_made_is_current(base: Path) -> None:
    assert states(base, ALL) == [State.CURRENT, State.CURRENT, State.MISSING, State.CURRENT]
    assert States(base).settled(RUN)


def test_a_changed_part_is_told_from_what_to_what(base: Path) -> None:
    nodes = chain(build={"target": {"gpu": "B"}})
    assert states(base, nodes) == [State.CURRENT, State.STALE, State.MISSING, State.STALE]
    found = States(base)
    assert found.of(nodes[1]).why == ("target.gpu: A -> B",)
    assert found.of(nodes[3]).why == ("made from run x/b1, which changed",)
    assert not found.settled(nodes[2])


def test_a_change_that_is_taken_back_is_none(base: Path) -> None:
    assert states(base, chain(export={"opset": 18}))[0] is State.STALE
    assert states(base, chain(export={"opset": 20})) == states(base, ALL)


def test_what_follows_a_missing_artefact_runs_again(base: Path) -> None:
    (base / "results/e.json").unlink()
    assert states(base, ALL) == [State.CURRENT, State.MISSING, State.MISSING, State.FOLLOWS]
    found = States(base)
    assert found.of(ENGINE).why == ("results/e.json is missing",)
    assert found.of(SCORE).why == ("run x/b1 is made again",)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"format": "other"}'])
def test_without_a_sound_record_an_artefact_is_stale(base: Path, text: str | None) -> None:
    record = base / ENGINE.record
    record.unlink() if text is None else record.write_text(text)
    verdict = States(base).of(ENGINE)
    assert (verdict.state, verdict.why) == (State.STALE, ("it has no key record",))


def test_a_stand_in_serves_only_where_it_is_allowed(base: Path) -> None:
    path = base / ENGINE.record
    write_json(path, {**(read_key_record(path) or {}), "stand_in": "no kernel"})
    assert states(base, [ENGINE]) == [State.CURRENT]
    strict = replace(ENGINE, stand_ins=False)
    assert strict.key == ENGINE.key
    told = States(base).of(strict)
    assert told.state is State.STALE
    assert told.why == ("it was skipped, which is no longer allowed: no kernel",)


def test_what_was_made_of_other_bytes_is_stale(base: Path) -> None:
    make(base, ENGINE, run=1)
    assert states(base, ALL)[1] is State.CURRENT
    found = States(base)
    assert not found.settled(RUN)
    assert found.of(RUN).why == ("build x/b1 was made again since",)
    assert found.of(SCORE).state is State.FOLLOWS


def test_a_used_up_file_says_nothing_about_what_was_made_of_it(base: Path) -> None:
    (base / RUN.record).unlink()
    assert states(base, ALL)[3] is State.CURRENT


def test_changes_are_noted_only_if_there_are_any(base: Path) -> None:
    causes, told = base / "causes.txt", base / "told.txt"
    assert note_changes(causes, told, ALL, States(base)) == []
    assert not causes.exists() and not told.exists()
    nodes = chain(build={"target": {"gpu": "B"}})
    lines = note_changes(causes, told, nodes, States(base))
    assert lines[0] == "build x/b1: stale (target.gpu: A -> B)"
    assert causes.read_text().splitlines()[1:] == lines
    assert causes.stat().st_mtime > told.stat().st_mtime > 0
    first = causes.read_text()
    note_changes(causes, told, nodes, States(base))
    assert causes.read_text() != first, "a file of the same content would start nothing"


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


def test_long_lists_are_shortened(base: Path) -> None:
    nodes = [Node("a", str(i), (f"results/{i}",), {}) for i in range(20)]
    for node in nodes:
        (base / node.outputs[0]).touch()
    lines = shortened([*explain(nodes, States(base)), "b: follows (a 1 is made again)"], at_most=3)
    assert lines[0] == "a 0: stale (it has no key record)"
    assert lines[3:] == ["and 17 more that are out of date", "and 1 that follow from these"]
    assert len(shortened(["x" * 500])[0]) == 160


def test_the_table_has_two_columns() -> None:
    assert state_table([("a", "one"), ("long", "two")]) == "  a     one\n  long  two"
    assert state_table([]) == ""


def test_params_are_plain_and_in_one_order() -> None:
    node = replace(SCORE, upstream=(RUN, ENGINE), reads=(GRAPH,), parts={"b": (1, 2), "a": 1})
    params = node.as_params()
    assert json.loads(json.dumps(params)) == params
    assert list(params["parts"]) == ["a", "b"]
    assert list(params["upstream"]) == ["build x/b1", "run x/b1"]
    assert params["checked"] == ["results/keys/export/all.json"]
