"""Mixes of what this GPU has of fp16, bf16, fp8 and int8: one run of the demo on it."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto
from segtrt.graphs.mixing import taken_from
from segtrt.precision import MIXES, Graph, Precision
from segtrt.runtimes.base import BuildSettings, Runtime
from snakemake_runs import run_snakemake

BATCH = 4
REGIONS = 4
BUDGETS = (0.0, 0.005, 1.0)
"""Next to nothing, the usual one, and everything that gains time."""

LOW = (Precision.FP16, Precision.BF16, Precision.INT8, Precision.FP8)

TYPES = {
    Graph.FP16: TensorProto.FLOAT16,
    Graph.BF16: TensorProto.BFLOAT16,
    Graph.INT8_SIGNED: TensorProto.INT8,
    Graph.FP8: TensorProto.FLOAT8E4M3FN,
}


def low(runtime: Runtime) -> list[Precision]:
    """The low precisions that this GPU may have."""
    return [
        precision
        for precision in LOW
        if not runtime.unsupported(BuildSettings(batch_size=BATCH, precision=precision))
        # OpenVINO is what graphs in bf16 are proven in.
        and (precision is not Precision.BF16 or find_spec("openvino"))
    ]


@pytest.fixture(scope="module")
def results(runtime: Runtime, project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run's folder of results."""
    folder = tmp_path_factory.mktemp("mixed")
    precisions = ["fp32", *low(runtime), "mixed"]
    data = "search_fraction: 0.2"
    if real := os.environ.get("SEGTRT_KAGGLE_DIR"):
        data += f", source: path, path: {json.dumps(str(Path(real).resolve()))}"
    done = run_snakemake(
        folder,
        "results/report.html",
        "--config",
        f"dataset={{{data}}}",
        f"engines={{runtimes: [{runtime.name}], batch_sizes: [{BATCH}], "
        f"precisions: [{', '.join(precisions)}], on_unsupported: skip}}",
        f"precision_search={{regions: {REGIONS}, max_loss: {list(BUDGETS)}}}",
        "inference={iterations: 20, max_seconds: 0.5, warmup_max_seconds: 0.2}",
        snakefile=project_root / "Snakefile",
        store=folder / "store",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_region_and_the_whole_are_timed_in_every_precision_that_can_be_had(
    results: Path, runtime: Runtime
) -> None:
    for precision in low(runtime):
        graph = runtime.graph(precision)
        for part in [*(f"{number:02d}" for number in range(REGIONS)), "whole"]:
            found = read(results / f"precision/gain/{runtime.name}/{graph}/{part}.json")
            if found["outcome"] == "unavailable":
                # Which GPUs have quantised convolutions shows when an engine is built.
                assert precision.is_quantised and found["reason"] and "\n" not in found["reason"]
            elif found["outcome"] == "measured":
                times = found["times"]
                assert min(times["plain_ms"], times["lowered_ms"]) > 0
                assert times["gain_ms"] < times["plain_ms"]
                assert times["low_ms"] <= times["gain_ms"] <= times["high_ms"]
                assert times["pairs"] >= 11
            else:
                assert found["outcome"] == "unchanged"


@pytest.mark.parametrize("mix", MIXES)
def test_a_mix_holds_what_was_chosen_and_keeps_its_budget(
    results: Path, runtime: Runtime, mix: Precision
) -> None:
    folder = results / f"precision/mix/{runtime.name}"
    plan = read(folder / f"{mix}.json")
    budget = BUDGETS[MIXES.index(mix)]
    predicted = plan["predicted"]
    assert plan["budget"] == budget
    assert max(predicted["metric_loss"] or 0.0, predicted["flipped_fraction"]) <= budget + 1e-6
    graph = onnx.load(folder / f"{mix}/model.onnx").graph
    chosen = {Graph(one["graph"]) for one in plan["choices"]}
    assert {taken_from(node) for node in graph.node} - {None} == chosen
    stored = {tensor.data_type for tensor in graph.initializer}
    stored |= {value.type.tensor_type.elem_type for value in graph.value_info}
    assert {kind for kind in chosen if TYPES[kind] in stored} == chosen
    narrow = set(TYPES.values())
    assert stored & narrow <= {TYPES[kind] for kind in chosen}
    assert predicted["gain"] >= 0.02 * bool(chosen)


@pytest.mark.parametrize("mix", MIXES)
def test_its_engine_is_built_judged_and_reported(
    results: Path, runtime: Runtime, mix: Precision
) -> None:
    name = f"{runtime.name}/b{BATCH}_{mix}"
    summary = read(results / "summary.json")
    engine = next(one for one in summary["engines"] if one["name"] == name)
    plan = read(results / f"precision/mix/{runtime.name}/{mix}.json")
    assert read(results / f"engines/{name}/engine.json")["status"] == "built"
    assert engine["lowered_regions"] == len(plan["choices"])
    assert engine["timing"]["total"]["median"] > 0
    assert engine["errors"]["non_finite"] == 0
    entry = next(
        one for one in summary["precision_search"]["mixes"] if one["precision"] == str(mix)
    )
    assert entry["found"]["engine"] == name
    assert entry["found"]["latency_ms"] == engine["timing"]["total"]["median"]
    # Within the usual budget it is the network: what flips ten times the pixels is another one.
    if BUDGETS[MIXES.index(mix)] <= 0.005:
        assert engine["verdict"] == "pass"
        assert engine["errors"]["flipped_fraction"] <= 0.01


def test_a_mix_of_nothing_is_as_exact_as_float32(results: Path, runtime: Runtime) -> None:
    """TF32 is kept out of a mix: in it float32 is float32."""
    summary = read(results / "summary.json")
    engines = {one["name"]: one for one in summary["engines"]}
    exact = engines[f"{runtime.name}/b{BATCH}_fp32"]["errors"]["relative_rms"]
    hollow = [one for one in engines.values() if one["lowered_regions"] == 0]
    for one in hollow:
        assert one["errors"]["relative_rms"] <= max(10 * exact, 1e-4)
        assert one["name"] != summary["recommendation"]["engine"]
    if not hollow:
        pytest.skip("every budget lowers some region on this GPU")
