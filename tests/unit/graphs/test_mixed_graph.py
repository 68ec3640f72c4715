"""The graph of a mix: what is lowered, that it is proven, and that a ruined region is spared."""

import json

import numpy as np
import pytest
from example_gains import gain
from ruined_network import RUINED, bright_squares
from ruined_world import KINDS, World
from segtrt.engines.build import build_engine
from segtrt.engines.load import open_engine
from segtrt.errors import SegtrtError
from segtrt.graphs import mixed_graph
from segtrt.graphs.clean import read_graph
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.mixed_graph import make_and_record, make_mixed_graph
from segtrt.graphs.mixing import taken_from
from segtrt.graphs.proof_file import obstacle_of
from segtrt.graphs.regions import split_into_regions
from segtrt.model.spec import Activation, NetworkSpec
from segtrt.precision import Graph, Precision
from segtrt.quality.blame import measure_loss
from segtrt.quality.mix_plan import plan_mix
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import get_runtime
from small_graph import images, small_graph

SPEC = NetworkSpec("input", 3, (32, 32), (1, 1), None, "output", 1, Activation.SIGMOID, (1, 1))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def converted(world):
    return {kind: world.convert(kind) for kind in KINDS.values()}


def plan(world, converted, kind, budget):
    """The mix if every region gained a fifth of the time, as no clock of a test can promise."""
    losses = [world.blame(kind, number, converted[kind]) for number in range(4)]
    gains = [gain(number, kind, ms=2.0, plain=10.0) for number in range(4)]
    return plan_mix(Precision.MIXED, "any", gains, losses, budget=budget, batch_size=1)


def run_as_engine(runtime, graph, precision, folder):
    """Answers of an engine that a runtime builds from a graph."""
    settings = BuildSettings(1, precision, patch=(3, 32, 32), output=(1, 32, 32))
    record = build_engine(
        runtime,
        settings,
        graph,
        folder / "engine.bin",
        folder / "engine.json",
        network=SPEC,
        target=get_runtime(runtime).target(),
        code="",
        cache_dir=None,
        on_unsupported="fail",
    )
    assert record.notes == [] or precision is not Precision.MIXED
    return open_engine(folder / "engine.bin", record, threads=1)


@pytest.mark.parametrize(("runtime", "kind"), KINDS.items())
def test_the_ruined_region_stays_float32_and_its_engine_keeps_the_accuracy(
    world, converted, runtime, kind, tmp_path
):
    found = plan(world, converted, kind, budget=0.05)
    ruined = next(n for n, one in enumerate(world.regions) if one.name.startswith(RUINED))
    assert set(found.chosen) == set(range(4)) - {ruined}
    made = make_mixed_graph(
        world.source,
        world.regions,
        converted,
        found.chosen,
        tmp_path / "model.onnx",
        precision=Precision.MIXED,
        calibration=[image[np.newaxis] for image in bright_squares(4)],
    )
    assert dict(made.regions) == {world.regions[n].name: kind for n in found.chosen}
    graph = read_graph(tmp_path / "model.onnx")
    lowered = {node.name.partition(":")[2] for node in graph.graph.node if taken_from(node)}
    float32 = {node.name for node in graph.graph.node if not taken_from(node)}
    assert set(world.regions[ruined].nodes) <= float32
    assert "a/conv" in lowered and not lowered & set(world.regions[ruined].nodes)
    with run_as_engine(runtime, tmp_path / "model.onnx", Precision.MIXED, tmp_path) as session:
        mixed = measure_loss(session.run, world.evidence, "mixed")
    with run_as_engine(runtime, converted[kind], Precision.INT8, tmp_path) as session:
        plain = measure_loss(session.run, world.evidence, "plain")
    assert mixed.metric_loss < 0.05
    assert plain.metric_loss > 0.5


def test_a_budget_of_everything_takes_the_ruined_region_too(world, converted):
    assert set(plan(world, converted, Graph.INT8, budget=2.0).chosen) == {0, 1, 2, 3}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("graph") / "fp32.onnx")


def make(source, chosen, folder, calibration=None, **converted):
    model = read_graph(source)
    return make_mixed_graph(
        source,
        split_into_regions(model, 4),
        {Graph(name): path for name, path in converted.items()},
        chosen,
        folder / "model.onnx",
        precision=Precision.MIXED_B2,
        calibration=calibration,
    )


def test_nothing_chosen_is_the_float32_graph(source, tmp_path):
    made = make(source, {}, tmp_path)
    assert made.regions == {} and made.agreement.relative == 0
    graph = read_graph(tmp_path / "model.onnx")
    assert list(graph.graph.node) == list(read_graph(source).graph.node)
    assert {p.key: p.value for p in graph.metadata_props} == {"segtrt.precision": "mixed_b2"}


def test_two_precisions_are_proven_together(source, tmp_path):
    for kind in (Graph.INT8_SIGNED, Graph.FP8):
        convert_onnx(source, kind, tmp_path / f"{kind}.onnx", images(1))
    made = make(
        source,
        {0: Graph.INT8_SIGNED, 2: Graph.FP8},
        tmp_path,
        calibration=images(1),
        int8_signed=tmp_path / "int8_signed.onnx",
        fp8=tmp_path / "fp8.onnx",
    )
    assert 0 < made.agreement.relative < 0.5
    assert made.agreement.images == sum(len(batch) for batch in images(1))
    assert {taken_from(node) for node in read_graph(tmp_path / "model.onnx").graph.node} == {
        None,
        Graph.INT8_SIGNED,
        Graph.FP8,
    }


def test_a_graph_whose_answers_are_wrong_does_not_appear(source, tmp_path, monkeypatch):
    monkeypatch.setattr(
        mixed_graph, "run_as_proven", lambda *_: lambda batch: np.zeros_like(batch[:, :1])
    )
    with pytest.raises(SegtrtError, match="the graph of mixed_b2 is wrong: its answers"):
        make(source, {}, tmp_path)
    assert not (tmp_path / "model.onnx").exists()


def test_what_cannot_be_made_is_skipped_or_raised(tmp_path):
    def fail():
        raise SegtrtError("it cannot be")

    graph, proof = tmp_path / "model.onnx", tmp_path / "proof.json"
    with pytest.raises(SegtrtError, match="it cannot be"):
        make_and_record(fail, graph, proof, skip=False)
    assert not proof.exists()
    assert make_and_record(fail, graph, proof, skip=True) == "it cannot be"
    assert graph.read_bytes() == b""
    assert obstacle_of(proof) == "it cannot be"


def test_its_proof_says_what_it_is_made_of(source, tmp_path):
    proof = tmp_path / "proof.json"
    graph = tmp_path / "model.onnx"
    assert make_and_record(lambda: make(source, {}, tmp_path), graph, proof, skip=True) == ""
    said = json.loads(proof.read_text())
    assert (said["status"], said["graph"], said["regions"]) == ("made", "mixed_b2", {})
    assert said["agreement"]["relative"] == 0
