"""Runs in real databases of MLflow: what is in them, and that nothing is in them twice."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_cases import CASES
from example_summaries import make_example
from mlflow import MlflowClient
from segtrt.config.publish import PublishSettings
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.publish.facts import RunFacts, facts_of
from segtrt.publish.mlflow_run import CONTENT, MISSING, write_run
from segtrt.publish.publish import PublishSources, publish

CHOSEN = "openvino/b16_int8"
FIRST = PublishSettings("sqlite:///runs.db", "brain", "recommended")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> PublishSources:
    """Files of a finished run."""
    folder = tmp_path_factory.mktemp("results")
    summary = make_example(CASES["demo"](), folder)
    engines = []
    for engine in summary["engines"]:
        own = folder / "engines" / engine["name"]
        own.mkdir(parents=True)
        (own / "engine.bin").write_bytes(engine["name"].encode() * 1000)
        (own / "engine.json").write_text(json.dumps({"name": engine["name"]}))
        engines.append((own / "engine.bin", own / "engine.json"))
    for name in ("summary.csv", "report.html"):
        (folder / name).write_text(name)
    return PublishSources(
        summary=folder / "summary.json",
        table=folder / "summary.csv",
        report=folder / "report.html",
        engines=engines,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a database that several tests write to."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(autouse=True)
def work(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def runs(settings: PublishSettings = FIRST) -> Sequence[Any]:
    client = MlflowClient(settings.tracking_uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    return client.search_runs([experiment.experiment_id]) if experiment else []


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def test_a_run_has_settings_figures_report_and_the_engine(
    sources: PublishSources, place: Path
) -> None:
    said = publish(sources, FIRST, place / "published.json")
    (run,) = runs()
    noted = read(place / "published.json")
    assert (noted["run_id"], noted["experiment"]) == (run.info.run_id, "brain")
    assert noted["tracking"] == "sqlite:///runs.db"
    assert (run.info.status, run.info.run_name) == ("FINISHED", "unet on demo")
    facts = facts_of(read(sources.summary))
    assert dict(run.data.params) == facts.params
    assert dict(run.data.metrics) == pytest.approx(facts.metrics)
    assert run.data.tags.items() >= {**facts.tags, CONTENT: noted["content"]}.items()
    written = Path(run.info.artifact_uri)
    files = {
        path.relative_to(written).as_posix(): path for path in written.rglob("*") if path.is_file()
    }
    assert {name: path.stat().st_size for name, path in files.items()} == noted["files"]
    assert set(files) == {
        *("summary.json", "summary.csv", "report.html"),
        *(f"engines/{CHOSEN}/{name}" for name in ("engine.bin", "engine.json")),
    }
    engine = next(one for one, _ in sources.engines if CHOSEN in one.as_posix())
    assert sha256_file(files[f"engines/{CHOSEN}/engine.bin"]) == sha256_file(engine)
    assert f"run {run.info.run_id} in experiment brain at sqlite:///runs.db" in said
    assert "5 files" in said
    assert "with 1 engine of 0.0 MiB" in said


def test_the_same_again_is_the_same_run(sources: PublishSources, place: Path) -> None:
    first, second = place / "first.json", place / "second.json"
    publish(sources, FIRST, first)
    before = len(runs())
    publish(sources, FIRST, second)
    assert len(runs()) == before
    assert read(first) == read(second)


def test_other_content_or_another_experiment_is_another_run(
    sources: PublishSources, place: Path
) -> None:
    out = place / "published.json"
    found = set()
    for settings in (FIRST, replace(FIRST, engines="none"), replace(FIRST, experiment="other")):
        publish(sources, settings, out)
        found.add(read(out)["run_id"])
    assert len(found) == 3


@pytest.mark.parametrize(("wanted", "count"), [("none", 0), ("recommended", 1), ("all", 12)])
def test_which_engines_go_with_the_run(
    sources: PublishSources, place: Path, wanted: Any, count: int
) -> None:
    publish(sources, replace(FIRST, engines=wanted), place / "published.json")
    files = read(place / "published.json")["files"]
    assert sum(name.endswith("/engine.bin") for name in files) == count
    assert sum(name.endswith("/engine.json") for name in files) == count


def test_an_engine_that_was_not_built_is_named(sources: PublishSources, place: Path) -> None:
    few = replace(sources, engines=sources.engines[:2])
    with pytest.raises(SegtrtError, match=f"{CHOSEN} is not among those that were built"):
        publish(few, FIRST, place / "published.json")


def test_a_run_that_was_not_finished_is_marked_and_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    files = {"file": tmp_path / "file"}
    refused = RunFacts("run", {"a@b": "MLflow takes no such name"}, {}, {})
    with pytest.raises(SegtrtError, match=r"^MLflow at sqlite:///runs\.db: .*a@b"):
        write_run("sqlite:///runs.db", "half", "c0", refused, files)
    settings = replace(FIRST, experiment="half")
    assert [run.info.status for run in runs(settings)] == ["FAILED"]
    again = write_run("sqlite:///runs.db", "half", "c0", replace(refused, params={}), files)
    assert {run.info.run_id: run.info.status for run in runs(settings)}[again] == "FINISHED"
    assert len(runs(settings)) == 2


def test_a_server_that_is_not_there_is_one_line_without_secrets(
    sources: PublishSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://alice:hush@127.0.0.1:9")
    with pytest.raises(SegtrtError) as caught:
        publish(sources, replace(FIRST, tracking_uri=None), tmp_path / "published.json")
    said = str(caught.value)
    assert said.startswith("MLflow at http://127.0.0.1:9: ")
    assert len(said.splitlines()) == 1
    assert "hush" not in said
    assert not (tmp_path / "published.json").exists()


def test_a_kind_of_place_that_mlflow_does_not_know_is_one_line() -> None:
    with pytest.raises(SegtrtError, match=r"^MLflow at ftp://host/runs: .+$"):
        write_run("ftp://host/runs", "brain", "c0", RunFacts("run", {}, {}, {}), {})


def test_without_mlflow_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SegtrtError) as caught:
        write_run("sqlite:///runs.db", "brain", "c0", RunFacts("run", {}, {}, {}), {})
    assert str(caught.value) == MISSING
    assert ".[mlflow]" in MISSING
