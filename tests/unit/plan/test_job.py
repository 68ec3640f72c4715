"""What a job does around its action: checks, store, record."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from segtrt.errors import SegtrtError
from segtrt.plan.fingerprint import PACKAGE
from segtrt.plan.job import check_inputs, content_key, digest, logged, make, run, share_library
from segtrt.plan.node import Node
from segtrt.plan.records import read_key_record
from segtrt.plan.states import State, States
from segtrt.plan.store import STORE, Store
from segtrt.plan.upkeep import clean_engines

GRAPH = Node("export_onnx", "", {}, ("results/onnx/model.onnx",), {"opset": 20})
ENGINE = Node(
    "build_engine",
    "openvino/b1_fp32",
    {"runtime": "openvino", "batch": "1", "precision": "fp32"},
    ("results/engines/openvino/b1_fp32/engine.bin",),
    {"target": "A"},
    (GRAPH,),
    decided_by=("made_from",),
    stored=True,
)


class Job:
    """Runs nodes in the current folder and counts the actions that really ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.last_content_key = ""

    def __call__(
        self,
        node: Node,
        content: bytes = b"content",
        *,
        changes: tuple[str, ...] = (),
        placeholder: str = "",
        also: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        def action() -> str:
            left = read_key_record(Path(node.record)) or {"key": ""}
            assert left["key"] == "", "a record must not be there while its job works"
            self.ran.append(node.rule)
            for path in map(Path, node.outputs):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return placeholder

        for path in map(Path, node.outputs):  # as Snakemake does
            path.unlink(missing_ok=True)
        made_from = [path for up in node.upstream for path in up.outputs]
        inputs = {"changes": list(changes), "made_from": made_from, "also": list(also)}
        params = SimpleNamespace(plan=node.as_params())
        make(SimpleNamespace(input=inputs, output=list(node.outputs), params=params), action)
        record: dict[str, Any] = json.loads(Path(node.record).read_text())
        self.last_content_key = record["content_key"]
        return record


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("SEGTRT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return Job()


def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache" / STORE)


def test_a_job_leaves_a_record_that_makes_it_current(job: Job) -> None:
    job(GRAPH)
    record = job(ENGINE)
    assert [States().of(node).state for node in (GRAPH, ENGINE)] == [State.CURRENT] * 2
    assert record["inputs"] == {GRAPH.outputs[0]: digest(Path(GRAPH.outputs[0]))}
    assert record["outputs"] == {ENGINE.outputs[0]: digest(Path(ENGINE.outputs[0]))}
    text = Path(ENGINE.record).read_text()
    assert str(Path.cwd()) not in text


def test_a_placeholder_is_noted_and_not_stored(job: Job, tmp_path: Path) -> None:
    job(GRAPH)
    assert job(ENGINE, placeholder="no kernel")["placeholder"] == "no kernel"
    assert store(tmp_path).use().entries == 0
    assert "placeholder" not in job(ENGINE)
    assert job.ran == ["export_onnx", "build_engine", "build_engine"]
    assert store(tmp_path).use().entries == 1


def test_a_record_says_why_the_job_ran(job: Job) -> None:
    assert job(GRAPH)["why"] == ["made for the first time, or its record was lost"]
    assert job(GRAPH)["why"] == ["its outputs were gone, or what it is made from was made again"]
    other = replace(GRAPH, parts={"opset": 18})
    assert job(other)["why"] == ["opset: 20 -> 18"]


def test_the_store_serves_a_second_checkout(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job(GRAPH)
    first = job(ENGINE, b"engine")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    job(GRAPH)
    assert job(ENGINE, b"never") == first
    assert job.ran.count("build_engine") == 1
    assert Path(ENGINE.outputs[0]).read_bytes() == b"engine"


def test_the_store_knows_by_content_not_by_what_made_the_input(job: Job) -> None:
    job(GRAPH, b"same graph")
    job(ENGINE)
    graph = replace(GRAPH, parts={"opset": 20, "code": "edited"})
    job(graph, b"same graph")
    job(replace(ENGINE, upstream=(graph,)))
    assert job.ran.count("build_engine") == 1


def test_an_input_that_only_starts_the_job_makes_no_difference_to_the_store(job: Job) -> None:
    job(GRAPH)
    job(ENGINE)
    Path("results/changes.txt").write_text("out of date")
    job(ENGINE, changes=("results/changes.txt",))
    assert job.ran.count("build_engine") == 1


@pytest.mark.parametrize("change", ["parts", "graph"])
def test_another_target_or_graph_is_not_served(job: Job, change: str) -> None:
    job(GRAPH)
    job(ENGINE)
    parts = {"target": "B"} if change == "parts" else ENGINE.parts
    if change == "graph":
        job(GRAPH, b"another graph")
    job(replace(ENGINE, parts=parts))
    assert job.ran.count("build_engine") == 2


def test_without_a_store_every_job_works(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGTRT_CACHE", "off")
    job(GRAPH)
    job(ENGINE)
    job(ENGINE)
    assert job.ran.count("build_engine") == 2


def test_cleaned_engines_are_really_built(job: Job, tmp_path: Path) -> None:
    job(GRAPH)
    job(ENGINE, b"old")
    elsewhere = replace(ENGINE, parts={"target": "B"})
    job(elsewhere, b"another machine's")
    # The store still holds the engine for A, whose record is gone.
    clean_engines(Path(), store(tmp_path), [ENGINE.record])
    assert States().of(ENGINE).state is State.MISSING
    record = job(ENGINE, b"new")
    assert record["why"] == ["it was asked to be made again"]
    assert job.ran.count("build_engine") == 3
    job(ENGINE, b"never")
    assert Path(ENGINE.outputs[0]).read_bytes() == b"new", "the store has the new one"


def test_cleaned_engines_are_really_built_where_the_store_cannot_be_changed(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job(GRAPH)
    job(ENGINE, b"old")
    monkeypatch.setattr(Store, "forget", lambda *_: False)
    lines = clean_engines(Path(), store(tmp_path), [ENGINE.record])
    assert "cannot be changed; it still holds openvino/b1_fp32" in lines[1]
    job(ENGINE, b"new")
    assert Path(ENGINE.outputs[0]).read_bytes() == b"new"


@pytest.mark.parametrize("content", [b"", b"conten", b"Content"])
def test_a_damaged_input_is_refused_in_one_line(job: Job, content: bytes) -> None:
    job(GRAPH)
    job(ENGINE)
    Path(GRAPH.outputs[0]).write_bytes(content)
    with pytest.raises(
        SegtrtError, match=r"model.onnx was changed or damaged .* delete it and"
    ) as e:
        job(ENGINE)
    assert "\n" not in str(e.value)
    assert job.ran.count("build_engine") == 1
    assert States().of(ENGINE).state is State.MISSING


def test_what_is_only_read_is_checked_as_well(job: Job) -> None:
    job(GRAPH)
    report = Node("write_report", "", {}, ("results/report.html",), {}, verifies=(GRAPH,))
    Path(GRAPH.outputs[0]).write_bytes(b"damaged")
    with pytest.raises(SegtrtError, match="damaged"):
        job(report, also=GRAPH.outputs)


def test_a_failed_action_leaves_no_record(job: Job) -> None:
    job(GRAPH)

    def fail() -> None:
        raise SegtrtError("no")

    params = SimpleNamespace(plan=GRAPH.as_params())
    with pytest.raises(SegtrtError):
        make(SimpleNamespace(input={}, output=list(GRAPH.outputs), params=params), fail)
    assert not Path(GRAPH.record).exists()
    assert States().of(GRAPH).state is State.STALE


def test_inputs_without_a_record_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    assert check_inputs([tmp_path / "source"], [str(tmp_path / "none.json")]) == {}


def test_a_folder_is_known_by_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    (folder / "a").mkdir(parents=True)
    (folder / "a/1.tif").write_bytes(b"1")
    before = digest(folder)
    (folder / ".snakemake_timestamp").touch()
    assert digest(folder) == before
    folder.rename(tmp_path / "moved")
    assert digest(tmp_path / "moved") == before
    (tmp_path / "moved/a/1.tif").rename(tmp_path / "moved/a/2.tif")
    assert digest(tmp_path / "moved") != before


def _raise(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


@pytest.mark.usefixtures("job")
def test_a_users_mistake_ends_the_script_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = SimpleNamespace(plan=GRAPH.as_params())
    snakemake = SimpleNamespace(
        input={}, output=list(GRAPH.outputs), params=params, log=[tmp_path / "logs/job.log"]
    )
    with pytest.raises(SystemExit) as end:
        run(snakemake, _raise(SegtrtError("weights are for another network")))
    assert end.value.code == 1
    assert capsys.readouterr().err == "segtrt: weights are for another network\n"


def test_other_errors_keep_their_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), logged(str(tmp_path / "job.log")):
        _raise(ZeroDivisionError())()


def test_scripts_import_this_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    share_library()
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(PACKAGE.parent), "/elsewhere"]
    monkeypatch.delenv("PYTHONPATH")
    share_library()
    assert os.environ["PYTHONPATH"] == str(PACKAGE.parent)
    assert str(PACKAGE.parent) in sys.path


def test_two_jobs_that_differ_in_nothing_but_what_they_are_are_not_mixed_up(job: Job) -> None:
    """One graph, one set of settings, two precisions: each has its own entry in the store."""
    job(GRAPH)
    made = {}
    for kind in ("fp16", "bf16"):
        output = (f"results/onnx/{kind}/model.onnx",)
        node = replace(ENGINE, rule="convert_onnx", identity={"graph": kind}, outputs=output)
        made[kind] = node
        job(node, kind.encode())
    for kind, node in made.items():
        job(node, b"never")
        assert Path(node.outputs[0]).read_bytes() == kind.encode()
    assert job.ran.count("convert_onnx") == 2


def test_the_name_of_an_input_tells_it_from_another_of_the_same_content() -> None:
    plan = ENGINE.as_params()
    one = content_key(plan, {"engine": {"a": "1"}, "record": {"b": "2"}}, 1)
    assert content_key(plan, {"engine": {"x": "1"}, "record": {"y": "2"}}, 1) == one
    assert content_key(plan, {"engine": {"a": "2"}, "record": {"b": "1"}}, 1) != one
    assert content_key(plan, {"engine": {"a": "1", "b": "2"}, "record": {}}, 1) != one


def test_an_input_without_a_record_decides_by_its_content(job: Job) -> None:
    for content in (b"1", b"2", b"1"):
        Path("results/onnx").mkdir(parents=True, exist_ok=True)
        Path(GRAPH.outputs[0]).write_bytes(content)
        job(replace(ENGINE, upstream=(replace(GRAPH, rule="elsewhere"),)), content)
        assert Path(ENGINE.outputs[0]).read_bytes() == content
    assert job.ran.count("build_engine") == 2


def test_an_interrupted_build_is_still_to_be_made_again(job: Job, tmp_path: Path) -> None:
    job(GRAPH)
    job(ENGINE, b"old")
    clean_engines(Path(), store(tmp_path), [ENGINE.record])
    store(tmp_path).put(  # another checkout's, in the meantime
        str(job.last_content_key), {"output_0": Path(GRAPH.outputs[0])}, {"output_0": "x"}
    )
    params = SimpleNamespace(plan=ENGINE.as_params())
    snakemake = SimpleNamespace(
        input={"made_from": list(GRAPH.outputs)}, output=list(ENGINE.outputs), params=params
    )
    with pytest.raises(KeyboardInterrupt):
        make(snakemake, _raise(KeyboardInterrupt()))
    assert job(ENGINE, b"new")["why"] == ["it was asked to be made again"]
    assert Path(ENGINE.outputs[0]).read_bytes() == b"new"


def test_inputs_from_the_future_are_brought_to_the_present(job: Job) -> None:
    job(GRAPH)
    later = time.time() + 10_000
    os.utime(GRAPH.outputs[0], (later, later))
    job(ENGINE)
    assert Path(GRAPH.outputs[0]).stat().st_mtime <= time.time()
