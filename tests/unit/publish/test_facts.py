"""A summary as parameters and metrics that MLflow takes."""

import re
from pathlib import Path
from typing import Any

import pytest
from example_cases import CASES
from example_summaries import make_example
from segtrt.publish.facts import LONGEST, facts_of, shown_name


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A summary of two machines, with engines that passed, failed and were skipped."""
    return make_example(CASES["cluster"](), tmp_path_factory.mktemp("cluster"))


def test_an_engine_has_the_summarys_figures(cluster: dict[str, Any]) -> None:
    metrics = facts_of(cluster).metrics
    for engine in cluster["engines"]:
        name = shown_name(engine["name"])
        timing, quality = engine["timing"], engine["quality"]
        if timing is None:
            assert [key for key in metrics if key.startswith(f"{name}/")] == []
            continue
        assert metrics[f"{name}/latency_ms"] == timing["total"]["median"]
        assert metrics[f"{name}/images_per_second"] == timing["images_per_second"]
        assert metrics[f"{name}/quality"] == quality["mean"]
        assert metrics[f"{name}/quality_loss"] == quality["loss"]
        assert metrics[f"{name}/engine_bytes"] == engine["engine_bytes"]
    verdicts = [engine["verdict"] for engine in cluster["engines"]]
    assert {metrics[f"engines/{verdict}"] for verdict in verdicts} == {35, 1}
    assert metrics["reference/quality"] == cluster["reference"]["quality"]["mean"]


def test_the_recommended_engine_stands_under_one_name(cluster: dict[str, Any]) -> None:
    facts = facts_of(cluster)
    chosen = cluster["recommendation"]["engine"]
    assert facts.tags["segtrt.recommended"] == chosen
    own = {key: value for key, value in facts.metrics.items() if key.startswith("recommended/")}
    assert len(own) == 9
    for key, value in own.items():
        assert facts.metrics[key.replace("recommended", shown_name(chosen))] == value
    none = {**cluster, "recommendation": {**cluster["recommendation"], "engine": None}}
    without = facts_of(none)
    assert without.tags["segtrt.recommended"] == "none"
    assert not [key for key in without.metrics if key.startswith("recommended/")]


def test_settings_and_machines_are_parameters(cluster: dict[str, Any]) -> None:
    params = facts_of(cluster).params
    assert params["engines.batch_sizes"] == "[1, 4, 16]"
    assert params["dataset.source"] == "demo"
    assert params["dataset.path"] == "null"
    assert params["validation.tolerances.int8.metric_loss"]
    assert params["network.weights_sha256"] == cluster["model"]["weights_sha256"]
    assert params["machine.a100.gpu"] == "Example GPU 80GB"


def test_names_and_values_are_such_as_mlflow_takes(cluster: dict[str, Any]) -> None:
    config = {**cluster["config"]}
    config["dataset"] = {**config["dataset"], "subjects": [f"subject_{i}" for i in range(2000)]}
    config["model"] = {**config["model"], "arguments": {"a b@c": 1}}
    facts = facts_of({**cluster, "config": config})
    for name in (*facts.params, *facts.metrics, *facts.tags):
        assert re.fullmatch(r"[\w./ -]{1,250}", name), name
    assert len(facts.params["dataset.subjects"]) == LONGEST
    assert facts.params["dataset.subjects"].endswith("...")
    assert facts.params["model.arguments"] == '{"a b@c": 1}'


def test_a_run_on_one_machine_names_none(tmp_path: Path) -> None:
    facts = facts_of(make_example(CASES["demo"](), tmp_path))
    assert facts.name == "unet on demo"
    assert facts.params["machine.cpu"].startswith("Example CPU")
    assert "openvino/b16_int8/latency_ms" in facts.metrics
