"""A runtime that nothing but its own folder knows, from the matrix to the report."""

import json
from dataclasses import replace
from pathlib import Path

import example_chain
import numpy as np
import onnx
import onnx.parser
import pytest
from example_shards import answer
from real_plan import real_plan
from report_page import Page
from segtrt import runtimes
from segtrt.cli.main import main
from segtrt.config import schema as configuration
from segtrt.config.resolve import resolve_config
from segtrt.data.prepared import Prepared
from segtrt.engines.budget import TimingBudget
from segtrt.engines.build import build_engine
from segtrt.engines.matrix import make_matrix
from segtrt.engines.record import read_record
from segtrt.engines.run import run_engine
from segtrt.engines.time import time_engine
from segtrt.machine.facts import this_machine
from segtrt.precision import Graph, Precision
from segtrt.quality.answers import Answers
from segtrt.quality.judging import validate_engine
from segtrt.quality.reference_scoring import score_reference
from segtrt.quality.scoring import ShardPaths, score_engine
from segtrt.report.page import write_report
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import all_runtimes, any_on_gpu, auto_order, get_runtime
from tiny_unet_graphs import run_with_onnxruntime

NAME = "made_up/b4_fp32"


@pytest.fixture(autouse=True)
def registered(project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder beside the library's own, and the name in the schema's list."""
    folder = project_root / "tests/tools/more_runtimes"
    monkeypatch.setattr(runtimes, "__path__", [*runtimes.__path__, str(folder)])
    schema = configuration.SCHEMA.read_text(encoding="utf-8")
    assert schema.count("tensorrt_rtx]") == 2
    longer = tmp_path / "config.schema.yaml"
    longer.write_text(schema.replace("tensorrt_rtx]", "tensorrt_rtx, made_up]"), encoding="utf-8")
    monkeypatch.setattr(configuration, "SCHEMA", longer)


ENGINES = {
    "runtimes": ["auto", "openvino"],
    "batch_sizes": [4],
    "precisions": ["fp32", "bf16", "int8"],
    "on_unsupported": "skip",
}


def test_it_is_found_by_its_folder() -> None:
    assert list(all_runtimes()) == sorted(all_runtimes()) and "made_up" in all_runtimes()
    assert get_runtime("made_up") is get_runtime("made_up")
    assert auto_order()[0] == "made_up"
    assert not any_on_gpu(["auto", "made_up"])
    assert any_on_gpu(["made_up", "tensorrt"])


def test_it_is_in_the_matrix() -> None:
    settings = resolve_config({"engines": ENGINES})
    matrix = make_matrix(settings, get_runtime, {"": this_machine()})
    assert "runtimes: auto takes made_up" in matrix.notes
    assert matrix.find("made_up", 4, "int8").graph is Graph.INT8_SIGNED
    assert matrix.find("openvino", 4, "int8").graph is Graph.INT8_OPENVINO
    assert {cell.name: cell.reason for cell in matrix.left_out}[
        "made_up/b4_bf16"
    ] == "made up without bf16"
    assert {Graph.INT8_OPENVINO, Graph.INT8_SIGNED} <= set(matrix.graphs)


def test_it_is_in_the_plan(tmp_path: Path) -> None:
    with real_plan(tmp_path, {"engines": ENGINES}) as plan:
        build = plan.maker("results/engines/made_up/b4_int8/engine.bin")
        converted = plan.maker("results/onnx/int8_signed/model.onnx")
        contract = plan.maker("results/model/network.json")
        report = plan.node("write_report")
    assert build.parts["target"]["runtime"] == get_runtime("made_up").version()
    assert list(build.parts["versions"]) == ["ml_dtypes"]
    assert build.upstream == (converted, contract)
    # The report shows a title and a colour that no code it imports has.
    assert report.parts["runtimes"]["made_up"] == ["Made Up & Co", "#010203", "#fdfeff"]


@pytest.fixture
def chain(tmp_path: Path) -> example_chain.Chain:
    """A run of one engine of the runtime on two subjects, with what it makes."""
    made = example_chain.Chain(tmp_path)
    for files in (made.records, made.timings, made.scores, made.validations):
        files.clear()
    with Prepared(tmp_path / "tensors") as shard:
        patch, images = shard.patch, shard.images()
    # Channel 1 is the mask; a little of the others, so that answers are no copies of it.
    graph = onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["": 20]>
        network (float[batch, 3, 64, 64] input) => (float[batch, 1, 64, 64] output)
        <float[1, 3, 1, 1] weight = {0.5, 8, 0.25}, float[1] bias = {-4}>
        { logit = Conv(input, weight, bias)  output = Sigmoid(logit) }"""
    )
    onnx.save(graph, tmp_path / "model.onnx")
    outputs = run_with_onnxruntime(tmp_path / "model.onnx", images)
    decoder = replace(example_chain.DECODER, largest_component=False)
    answer(tmp_path / "reference", tmp_path / "tensors", list(outputs), decoder)
    score_reference(
        tensor_shards=[tmp_path / "tensors"],
        reference_shards=[tmp_path / "reference"],
        out_json=tmp_path / "reference.json",
        metric="dice",
        largest_component=example_chain.DECODER.largest_component,
    )
    engine, record, answers, timing, scores, verdict = (
        tmp_path / kind.format(NAME)
        for kind in (
            "engines/{}/engine.bin",
            "engines/{}/engine.json",
            "answers/{}",
            "timing/{}.json",
            "scores/{}.json",
            "validation/{}.json",
        )
    )
    build_engine(
        "made_up",
        BuildSettings(4, Precision.FP32, patch=patch, output=outputs.shape[1:]),
        tmp_path / "model.onnx",
        engine,
        record,
        network=example_chain.SPEC,
        target=get_runtime("made_up").target(),
        code="0" * 64,
        cache_dir=None,
        on_unsupported="fail",
    )
    decoding = {"decide": None, "ignored": example_chain.DECODER.ignored}
    run_engine(engine, record, tmp_path / "tensors", answers, decoding=decoding, raw_bytes=2**30)
    with Answers(answers) as written:
        np.testing.assert_allclose(written.outputs(), outputs, atol=1e-5)
    time_engine(
        engine,
        record,
        [tmp_path / "tensors"],
        timing,
        budget=TimingBudget(5, None, 0),
    )
    score_engine(
        record,
        reference_scores=tmp_path / "reference.json",
        shards=[ShardPaths(*(tmp_path / name for name in ("tensors", "reference")), answers)],
        root=tmp_path,
        metric="dice",
        out_json=scores,
        predictions_dir=tmp_path / "predictions",
    )
    validate_engine(record, scores, verdict, tolerance=example_chain.TOLERANCE, confident=False)
    made.records.append(record)
    made.timings.append(timing)
    made.scores.append(scores)
    made.validations.append(verdict)
    return made


def test_it_is_built_run_reported_and_picked(
    chain: example_chain.Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = read_record(tmp_path / f"engines/{NAME}/engine.json")
    assert (record.runtime, record.status, record.graph) == ("made_up", "built", Graph.FP32)
    timing = json.loads((tmp_path / f"timing/{NAME}.json").read_text())
    assert timing["timing"]["iterations"] == 5

    summary = chain.summarise(max_metric_loss=0.5)
    [engine] = [one for one in summary["engines"] if one["runtime"] == "made_up"]
    assert (engine["name"], engine["verdict"], engine["graph"]) == (NAME, "pass", "fp32")
    assert summary["recommendation"]["engine"] == NAME

    write_report(tmp_path / "summary.json", tmp_path / "overlays", tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert NAME in {row["engine"] for row in page.rows}
    assert "Made Up & Co" in page.text
    assert "--runtime-made_up: #010203;" in html and "--runtime-made_up: #fdfeff;" in html
    colours = {
        line.get("marker", {}).get("color")
        for chart in page.data("chart-specs").values()
        for line in chart["data"]
        if str(line.get("name", "")).startswith(("made_up/", "Made Up &"))
    }
    assert colours == {"--runtime-made_up"}

    assert main(["pick", str(tmp_path / "summary.json")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == NAME
