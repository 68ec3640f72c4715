"""From a network that int8 ruins to a mix that spares what is ruined, by the real workflow.

How fast regions are is left to the clock, so which of the others a mix lowers differs from run to
run; tests/unit/graphs/test_mixed_graph.py has the same network with gains that are given.
"""

import json
from typing import Any

import onnx
import pytest
from ruined_network import RUINED
from ruined_run import ruined_run
from tiny_run import Runner, planned

pytestmark = pytest.mark.slow

RUNTIMES = {"onnxruntime": "int8", "openvino": "int8_openvino"}
TOLERANCE = {"flipped_fraction": 0.02, "metric_loss": 0.05, "relative_rms": None}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A finished run with two budgets, of which neither lets the ruined region pass."""
    runner = ruined_run(
        tmp_path_factory.mktemp("mixed"),
        ["fp32", "int8", "mixed"],
        precision_search={"regions": 5, "max_loss": [0.02, 0.05]},
        validation={"tolerances": {"int8": TOLERANCE, "mixed": TOLERANCE}},
        # A package has golden samples.
        tensors={"normalisation": "scale", "range": [0, 255]},
    )
    runner.run("results/report.html")
    return runner


def read(runner: Runner, path: str) -> Any:
    return json.loads((runner.folder / "results" / path).read_text(encoding="utf-8"))


def blamed(runner: Runner, graph: str) -> dict[str, float]:
    """What each region loses of the metric."""
    found = [read(runner, f"precision/sensitivity/{graph}/{n:02d}.json") for n in range(4)]
    return {one["name"]: one["loss"]["metric_loss"] for one in found}


@pytest.mark.parametrize(("runtime", "graph"), RUNTIMES.items())
def test_the_mix_spares_the_blamed_region_and_passes_where_int8_fails(
    run: Runner, runtime: str, graph: str
) -> None:
    losses = blamed(run, graph)
    assert max(losses, key=lambda name: losses[name]) == RUINED
    assert losses[RUINED] > 0.5
    # Its graph is so wrong that it is refused before there is an engine to fail.
    plain = read(run, f"validation/{runtime}/b1_int8.json")
    assert plain["verdict"] == "skipped" and "is wrong: its answers differ" in plain["reason"]
    for mix in ("mixed", "mixed_b2"):
        plan = read(run, f"precision/mix/{runtime}/{mix}.json")
        chosen = {one["name"] for one in plan["choices"]}
        assert RUINED not in chosen
        assert sum(max(0.0, losses[name]) for name in chosen) <= plan["budget"]
        assert plan["predicted"]["gain"] >= 0.02 * bool(chosen)
        assert all(one["graph"] == graph for one in plan["choices"])
        model = onnx.load(run.folder / f"results/precision/mix/{runtime}/{mix}/model.onnx")
        convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
        low = {name.partition(":")[2] for name in convolutions if ":" in name}
        assert len(convolutions) == 4
        assert {name.removesuffix("/conv") for name in low} == chosen
        assert read(run, f"validation/{runtime}/b1_{mix}.json")["verdict"] == "pass"
        record = read(run, f"engines/{runtime}/b1_{mix}/engine.json")
        proof = read(run, f"precision/mix/{runtime}/{mix}/proof.json")
        assert (record["graph"], record["status"]) == (mix, "built")
        assert set(proof["regions"]) == chosen


def test_an_empty_place_is_timed_no_more_than_it_is_judged(run: Runner) -> None:
    found = read(run, "precision/gain/openvino/int8_openvino/04.json")
    assert (found["outcome"], found["times"]) == ("empty", None)
    found = read(run, "precision/gain/openvino/int8_openvino/00.json")
    assert found["times"]["pairs"] == 2 and found["times"]["plain_ms"] > 0
    whole = read(run, "precision/gain/openvino/int8_openvino/whole.json")
    assert (whole["region"], whole["outcome"]) == (None, "measured")


def test_the_summary_and_the_report_have_prediction_and_outcome(run: Runner) -> None:
    summary = read(run, "summary.json")
    mixes = summary["precision_search"]["mixes"]
    assert [(one["runtime"], one["precision"], one["budget"]) for one in mixes] == [
        (runtime, *mix) for runtime in RUNTIMES for mix in (("mixed", 0.02), ("mixed_b2", 0.05))
    ]
    engines = {one["name"]: one for one in summary["engines"]}
    for one in mixes:
        own = engines[f"{one['runtime']}/b1_{one['precision']}"]
        assert own["lowered_regions"] == len(one["choices"])
        assert one["found"]["engine"] == own["name"]
        assert one["found"]["metric_loss"] == own["quality"]["loss"]
        assert one["found"]["latency_ms"] == own["timing"]["total"]["median"]
    best = summary["recommendation"]["engine"]
    assert engines[best]["precision"] != "int8" and engines[best]["lowered_regions"] != 0
    page = (run.folder / "results/report.html").read_text(encoding="utf-8")
    assert "Mixes of precisions" in page
    assert page.count('<tr class="mix">') == 4


def test_what_changed_decides_what_runs_again(run: Runner) -> None:
    """Another budget solves, another tolerance judges, and neither times or blames a region."""

    def runs(setting: str) -> set[str]:
        return planned(run.run("results/report.html", "-n", "--config", setting))

    ends = {"summarise", "write_report", "note_changes"}
    engine = {f"{what}_engine" for what in ("build", "run", "time", "score", "validate")}
    solved = runs("precision_search={max_loss: [0.02, 0.04]}")
    assert solved == {"mix_regions", *engine, *ends}
    judged = runs("validation={tolerances: {mixed: {flipped_fraction: 0.03}}}")
    assert judged == {"validate_engine", *ends}
    timed = runs("inference={iterations: 3}")
    assert {"time_region", "mix_regions"} <= timed
    assert not timed & {"blame_region", "split_regions", "convert_whole", "convert_onnx"}


def test_nothing_is_left_to_do(run: Runner) -> None:
    assert planned(run.run("results/report.html", "-n")) == set()


def test_a_mix_is_packaged_with_its_own_graph(run: Runner) -> None:
    """Two runtimes have a mix of the same name."""
    engine = "openvino/b1_mixed"
    run.run("results/package.zip", "--config", f"package={{engine: {engine}, views: [onnx]}}")
    folder = run.folder / "results/package"
    assert read(run, "package/package.json")["engine"] == engine
    (packaged,) = folder.rglob("*.onnx")
    own = {node.name for node in onnx.load(packaged).graph.node}
    mix = onnx.load(run.folder / "results/precision/mix/openvino/mixed/model.onnx")
    assert own == {node.name for node in mix.graph.node}
