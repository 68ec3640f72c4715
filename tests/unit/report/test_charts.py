"""Charts: what they find, that plotly takes them, and the figures behind them."""

import copy

import plotly.graph_objects as go
import pytest
from example_summaries import CASES, HOSTILE, make_example
from segtrt.precision import Precision
from segtrt.report import wording
from segtrt.report.chart import log_axis, marker
from segtrt.report.charts_confidence import how_sure
from segtrt.report.charts_quality import pareto_front, quality_against_speed
from segtrt.report.charts_speed import latency, throughput
from segtrt.report.charts_subjects import metric_per_subject
from segtrt.report.charts_time import where_time_goes

CHARTS = [quality_against_speed, how_sure, latency, throughput, metric_per_subject, where_time_goes]


@pytest.fixture(scope="session")
def summaries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charts")
    return {name: make_example(case(), folder / name) for name, case in CASES.items()}


def uncoloured(value):
    """The drawing with some colour for each colour of the page, which plotly does not know."""
    if isinstance(value, dict):
        return {key: uncoloured(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [uncoloured(entry) for entry in value]
    return "red" if isinstance(value, str) and value.startswith("--") else value


@pytest.mark.parametrize("draw", CHARTS)
@pytest.mark.parametrize("case", list(CASES))
def test_plotly_takes_the_drawing_and_a_table_stands_behind_it(summaries, case, draw):
    chart = draw(summaries[case])
    if chart is None:  # without ground truth there is no figure to set against speed
        assert case == "unlabelled" and draw in (quality_against_speed, how_sure)
        return
    go.Figure(uncoloured(chart.spec))  # raises on an unknown attribute
    assert chart.finding
    assert chart.note
    assert chart.table.rows
    assert {len(row) for row in chart.table.rows} == {len(chart.table.head)}
    axes = chart.spec["layout"]
    assert axes["xaxis"]["title"]["text"]


@pytest.mark.parametrize("case", ["gpu", "cluster"])
def test_every_engine_that_was_run_is_in_every_chart(summaries, case):
    summary = summaries[case]
    run = {one["name"] for one in summary["engines"] if one["timing"]}
    for draw in (latency, throughput, where_time_goes, quality_against_speed, metric_per_subject):
        named = {row[0] for row in draw(summary).table.rows}
        assert run <= named


@pytest.mark.parametrize("draw", CHARTS)
def test_without_engines_that_were_run_there_is_no_chart_or_only_pytorchs(summaries, draw):
    summary = copy.deepcopy(summaries["demo"])
    summary["engines"] = []
    summary["machines"][0] |= {"timings": [], "baselines": []}
    summary["reference"].update(subjects=[], quality=None)
    assert draw(summary) is None


def test_the_chart_of_confidence_tells_who_keeps_the_limit_for_sure(summaries):
    summary = copy.deepcopy(summaries["demo"])
    first, second, third, *rest = summary["engines"]
    ends = ((first, 0.001, 0.004), (second, 0.004, 0.006), (third, 0.006, 0.007))
    for one, loss, high in ends:
        one["quality"] |= {"loss": loss, "loss_interval": {"low": -0.001, "high": high}}
    for one in rest:
        one["quality"]["loss_interval"] = None
    chart = how_sure(summary)
    assert [row[-1] for row in chart.table.rows] == ["yes", "not for sure", "no"]
    assert chart.finding == (
        "1 of 3 engines surely loses at most 0.005; for 1 the subjects are too few to tell"
    )
    [mark] = chart.spec["data"][1]["error_x"]["array"]
    assert mark == pytest.approx(0.002)


def test_findings_praise_no_engine_that_failed(summaries):
    summary = summaries["gpu"]
    failed = {one["name"] for one in summary["engines"] if one["verdict"] == "fail"}
    fastest = max(
        (one for one in summary["engines"] if one["timing"]),
        key=lambda one: one["timing"]["images_per_second"],
    )
    assert fastest["name"] in failed
    for draw in (quality_against_speed, throughput):
        finding = draw(summary).finding
        assert fastest["name"] not in finding
        assert wording.number(fastest["timing"]["images_per_second"]) not in finding


def test_unstable_timings_are_named_and_starred(summaries):
    chart = latency(summaries["demo"])
    assert "unstable: onnxruntime/b16_fp32" in chart.finding
    labels = {trace["y"][0] for trace in chart.spec["data"]}
    assert "onnxruntime/b16_fp32 *" in labels
    assert "onnxruntime/b4_fp32" in labels


def test_hostile_names_reach_plotly_as_text(summaries):
    chart = metric_per_subject(summaries["gpu"])
    labels = {label for trace in chart.spec["data"] for label in trace["text"]}
    hostile = [label for label in labels if "onerror" in label]
    assert hostile
    assert not any("<" in label or len(label) > 200 for label in hostile)
    assert any(HOSTILE in cell for cell in chart.table.head)


def test_the_shares_of_time_add_up(summaries):
    chart = where_time_goes(summaries["gpu"])
    names = chart.spec["data"][0]["y"]
    for place in range(len(names)):
        shares = [trace["x"][place] or 0 for trace in chart.spec["data"]]
        assert sum(shares) == pytest.approx(1)


def lines_of(chart):
    return {trace["name"]: trace for trace in chart.spec["data"]}


@pytest.mark.parametrize("draw", [throughput, quality_against_speed])
def test_lines_are_distinguished_by_machine(summaries, draw):
    summary = summaries["cluster"]
    lines = lines_of(draw(summary))
    for machine in summary["machines"]:
        name = machine["name"]
        torch = lines[f"PyTorch fp32 on {name}"]
        assert {one["images_per_second"] for one in machine["timings"]} == {
            *torch["x"],
            *torch["y"],
        } - {*([1, 4, 16] if draw is throughput else [summary["reference"]["quality"]["mean"]])}
        own = [line for line in lines if line.endswith(f" on {name}")]
        # PyTorch, and two runtimes in three precisions; with PyTorch's two other ways of speed.
        assert len(own) == (9 if draw is throughput else 7)
        assert {lines[line]["legendgroup"] for line in own} == {name}
    looks = [
        (marker["color"], marker["symbol"], marker["line"]["width"])
        for name, line in lines.items()
        if " on " in name
        for marker in [line["marker"]]
    ]
    assert len(set(looks)) == len(looks) == (18 if draw is throughput else 14)
    here, there = (lines[f"ONNX Runtime int8 on {name}"]["marker"] for name in ("a100", "epyc-9"))
    assert here["color"] == there["color"]
    assert here["symbol"] != there["symbol"]
    assert draw(summary).spec["layout"]["legend"]["traceorder"] == "grouped"
    assert "shape the machine" in draw(summary).note


def test_more_machines_and_precisions_still_look_different():
    machines = [{"name": name} for name in "abcd"]
    looks = {
        str(marker({"machines": machines}, one["name"], "openvino", precision))
        for one in machines
        for precision in Precision
    }
    assert len(looks) == 4 * len(Precision)


def test_one_machine_is_not_mentioned(summaries):
    for draw in (throughput, quality_against_speed):
        chart = draw(summaries["demo"])
        assert "machine" not in chart.note
        assert not any(" on " in name for name in lines_of(chart))
        assert not any("legendgroup" in line for line in chart.spec["data"])


def test_pytorch_stands_before_the_engines_of_its_machine(summaries):
    names = [row[0] for row in latency(summaries["cluster"]).table.rows]
    assert len(set(names)) == len(names)
    places = [name.split("/")[0] for name in names if not name.startswith("PyTorch ")]
    assert list(dict.fromkeys(places)) == [
        "pytorch@a100",
        "onnxruntime@a100",
        "tensorrt_rtx@a100",
        "pytorch@epyc-9",
        "onnxruntime@epyc-9",
        "openvino@epyc-9",
    ]
    assert "pytorch@a100/b4_fp32" in names


def test_preparation_is_that_of_the_engines_machine(summaries):
    chart = where_time_goes(summaries["cluster"])
    decode = chart.table.head.index("Read and decode, ms per image")
    reported = {row[0]: row[decode] for row in chart.table.rows}
    assert (reported["onnxruntime@a100/b4_fp32"], reported["pytorch@a100/b4_fp32"]) == (
        "0.410",
        "0.410",
    )
    assert (reported["onnxruntime@epyc-9/b4_fp32"], reported["pytorch@epyc-9/b4_fp32"]) == (
        "0.900",
        "0.900",
    )


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([("a", 1, 0.9), ("b", 2, 0.8), ("c", 3, 0.85)], ["a", "c"]),
        ([("a", 1, 0.9), ("b", 2, 0.9)], ["b"]),
        ([("a", 2, 0.9), ("b", 2, 0.9)], ["b", "a"]),
        ([("a", 2, 0.8), ("b", 2, 0.9)], ["b"]),
        ([], []),
    ],
)
def test_the_pareto_front_has_what_nothing_beats_in_both(points, front):
    assert pareto_front(points) == front


def test_a_logarithmic_axis_has_readable_ticks():
    axis = log_axis([0.3, 4500])
    assert axis["ticktext"][:3] == ["0.2", "0.5", "1"]
    assert axis["ticktext"][-2:] == ["5,000", "10,000"]


def test_the_chart_of_subjects_says_whether_any_engine_passed(summaries):
    summary = copy.deepcopy(summaries["gpu"])
    assert metric_per_subject(summary).finding.startswith(
        "On engines that passed, no subject loses"
    )
    for one in summary["engines"]:
        one["verdict"] = "fail" if one["verdict"] == "pass" else one["verdict"]
    finding = metric_per_subject(summary).finding
    assert finding.startswith("No engine passed: on those that were run, no subject loses more")
    worst = max(
        entry["reference_figure"] - entry["figure"]
        for one in summary["engines"]
        for entry in one["subjects"]
        if entry["split"] == "evaluation"
    )
    assert f"more than {worst:.4f} Dice" in finding
    for one in summary["engines"]:
        for entry in one["subjects"]:
            entry["figure"] = entry["reference_figure"]
    assert metric_per_subject(summary).finding == (
        "No subject loses Dice against PyTorch on any engine, though none passed"
    )
