"""Timing a region: both engines are built, take turns, and are gone afterwards."""

import tempfile
from pathlib import Path

import pytest
from prepared_shards import Made, write_shard
from segtrt.engines import gain as module
from segtrt.engines.budget import TimingBudget
from segtrt.engines.gain import Builder, Stopwatch, time_region
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.regions import split_into_regions
from segtrt.model.spec import Activation, NetworkSpec
from segtrt.precision import Graph, Precision
from segtrt.quality.sensitivity import Outcome
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import get_runtime
from small_graph import images, small_graph

KINDS = {"onnxruntime": Graph.INT8, "openvino": Graph.INT8_OPENVINO}
BATCH = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The network, its int8 graphs and a shard with an image."""
    made = tmp_path_factory.mktemp("gain")
    source = small_graph(made / "fp32.onnx")
    for kind in KINDS.values():
        convert_onnx(source, kind, made / f"{kind}.onnx", images(1))
    image = images(1)[0][0]
    write_shard(made / "tensors", [Made("A", "1", image)], patch=image.shape)
    return made


@pytest.fixture(scope="module")
def regions(folder):
    return split_into_regions(read_graph(folder / "fp32.onnx"), 3)


@pytest.fixture
def timed(folder, regions, monkeypatch, tmp_path):
    """Times a region, with temporary files in a folder to look at."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    size = images(1)[0].shape[2:]
    spec = NetworkSpec(
        *("input", 3, (None, None), (2, 2), None, "output", 1, Activation.SIGMOID, (1, 1))
    )

    def run(runtime="onnxruntime", number=0, *, batch=BATCH, converted=None, obstacle="", **more):
        kind = KINDS[runtime]
        settings = BuildSettings(batch, Precision.FP32, patch=(3, *size), output=(1, *size))
        return time_region(
            folder / "fp32.onnx",
            regions,
            number,
            graph=kind,
            converted=converted or folder / f"{kind}.onnx",
            obstacle=obstacle,
            builder=Builder(
                runtime,
                settings,
                more.get("network", spec),
                target=more.get("target", get_runtime(runtime).target()),
                code="",
                cache_dir=None,
            ),
            stopwatch=Stopwatch([folder / "tensors"], TimingBudget(6, 5.0, 0.05), 1, "stream"),
        )

    return run


@pytest.mark.parametrize("runtime", KINDS)
def test_both_engines_are_timed_and_thrown_away(timed, runtime, tmp_path, regions):
    found = timed(runtime, 1)
    assert (found.outcome, found.reason) == (Outcome.MEASURED, "")
    assert (found.runtime, found.graph, found.region) == (runtime, KINDS[runtime], 1)
    assert (found.name, found.batch_size) == (regions[1].name, BATCH)
    assert found.times.plain_ms > 0 and found.times.lowered_ms > 0
    assert 5 <= found.times.pairs <= 6
    assert not list(tmp_path.iterdir())


def test_one_engine_is_the_float32_graph_and_one_has_the_region_lowered(timed, monkeypatch):
    built, compared = [], []
    real = Builder.build

    def build(self, graph, precision, engine):
        kinds = {node.op_type for node in read_graph(graph).graph.node}
        built.append((precision, "QuantizeLinear" in kinds))
        return real(self, graph, precision, engine)

    def measure(plain, lowered, **_):
        compared.extend(step().run_ms for step in (plain, lowered))
        raise SegtrtError("stop")

    monkeypatch.setattr(Builder, "build", build)
    monkeypatch.setattr(module, "measure_pairs", measure)
    with pytest.raises(SegtrtError, match="stop"):
        timed()
    assert built == [(Precision.FP32, False), (Precision.MIXED, True)]
    assert len(compared) == 2 and min(compared) > 0


def test_all_regions_together_are_timed_as_one(timed, monkeypatch, regions):
    seen = []
    real = module.mix
    monkeypatch.setattr(module, "mix", lambda *given: seen.append(given[3]) or real(*given))
    found = timed(number=None)
    assert seen == [dict.fromkeys(range(len(regions)), Graph.INT8)]
    assert (found.region, found.name, found.outcome) == (None, "", Outcome.MEASURED)
    assert found.times.low_ms <= found.times.gain_ms <= found.times.high_ms


def test_an_empty_place_costs_nothing(timed, monkeypatch):
    monkeypatch.setattr(Builder, "build", None)
    found = timed(number=3)
    assert (found.outcome, found.name, found.times) == (Outcome.EMPTY, "", None)


def test_a_region_that_stays_float32_costs_nothing(timed, folder, monkeypatch):
    monkeypatch.setattr(Builder, "build", None)
    found = timed(converted=folder / "fp32.onnx")
    assert (found.outcome, found.times) == (Outcome.UNCHANGED, None)


def test_a_graph_that_cannot_be_had_costs_nothing_and_says_why(timed, monkeypatch):
    monkeypatch.setattr(Builder, "build", None)
    found = timed(obstacle="no such graph")
    assert (found.outcome, found.reason) == (Outcome.UNAVAILABLE, "no such graph")


def test_a_graph_whose_regions_are_lost_says_so(timed, folder, tmp_path):
    model = read_graph(folder / "int8.onnx")
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [f"{name}/x" if name.endswith("out") else name for name in names]
    write_graph(model, Path(tmp_path) / "lost.onnx", {})
    found = timed(converted=tmp_path / "lost.onnx")
    assert found.outcome is Outcome.UNAVAILABLE
    assert "cannot be told apart" in found.reason


def test_a_batch_that_the_network_does_not_take_is_a_reason(timed):
    fixed = NetworkSpec(
        *("input", 3, (None, None), (2, 2), 1, "output", 1, Activation.SIGMOID, (1, 1))
    )
    found = timed(network=fixed)
    assert found.outcome is Outcome.UNAVAILABLE
    assert found.reason == "the network takes batches of 1 only"


def test_a_lowered_graph_that_the_runtime_refuses_is_a_reason(timed, monkeypatch):
    runtime = type(get_runtime("onnxruntime"))
    real = runtime.build

    def build(self, graph, settings, cache_dir):
        if settings.precision is Precision.MIXED:
            raise SegtrtError("it has no such operator")
        return real(self, graph, settings, cache_dir)

    monkeypatch.setattr(runtime, "build", build)
    found = timed()
    assert (found.outcome, found.reason) == (Outcome.UNAVAILABLE, "it has no such operator")


def test_another_machine_is_refused(timed):
    with pytest.raises(SegtrtError):
        timed(target={"runtime": "0.1", "cpu": "another"})
