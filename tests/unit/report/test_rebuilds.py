"""The table of rebuilt engines, and their bars in the chart of throughput."""

import copy
from typing import Any

import pytest
from example_summaries import CASES, make_example
from report_page import Page
from segtrt.report import wording
from segtrt.report.charts_speed import throughput
from segtrt.report.page import load_overlays, render
from segtrt.report.rebuilds import make_strays

NAME = "tensorrt_rtx/b4_fp16"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Case -> summary and the page."""
    found = {}
    for name in ("demo", "gpu", "cluster", "unlabelled"):
        folder = tmp_path_factory.mktemp(name)
        summary = make_example(CASES[name](), folder)
        found[name] = summary, render(summary, load_overlays(folder / "overlays"))
    return found


def entry(summary: dict[str, Any], name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in summary["engines"] if one["name"] == name)
    return found


def test_a_row_has_the_spread_of_all_builds(made: dict[str, Any]) -> None:
    summary, _ = made["gpu"]
    strays = make_strays(summary)
    refused, good = strays.rows
    rebuilds = entry(summary)["rebuilds"]
    assert good.label == "TensorRT-RTX fp16, batch 4"
    assert (good.same_bytes, good.equal_outputs) == ("0 of 3", "0 of 144")
    low, high = (f"{rebuilds['latency_ms'][end]:.3f}" for end in ("low", "high"))
    assert good.rebuilt_ms == f"{low} to {high}"
    assert not good.stable
    highest = max(build["flipped_fraction"] for build in rebuilds["builds"])
    assert good.flipped == wording.percent(highest, 2)
    highest = max(build["relative_l2"] for build in rebuilds["builds"])
    assert good.relative_l2 == wording.error(highest)
    assert refused.same_bytes == "0 of 3, 1 not built"
    assert len(refused.reasons) == 1
    assert strays.metric == "Dice"


def test_an_engine_that_there_is_not_has_no_row(made: dict[str, Any]) -> None:
    summary = copy.deepcopy(made["gpu"][0])
    entry(summary)["verdict"] = "skipped"
    assert [one.label for one in make_strays(summary).rows] == ["TensorRT-RTX fp32, batch 1"]


def test_the_finding_counts_all_builds(made: dict[str, Any]) -> None:
    found = make_strays(made["gpu"][0]).finding
    assert found == (
        "0 of 6 rebuilt engines are the proven one, byte for byte; "
        "0 of 288 outputs are the same bytes"
    )


def test_machines_are_named_where_there_are_several(made: dict[str, Any]) -> None:
    labels = [one.label for one in make_strays(made["cluster"][0]).rows]
    assert labels == [
        "TensorRT-RTX fp16, batch 16 on a100",
        "OpenVINO int8, batch 4 on epyc-9",
    ]


def test_without_ground_truth_there_is_no_loss(made: dict[str, Any]) -> None:
    summary, page = made["unlabelled"]
    strays = make_strays(summary)
    assert strays.metric == ""
    assert "How far a rebuilt engine strays" in page
    assert "lost <span" not in page
    assert "lost <span" in made["gpu"][1]


def test_the_page_has_the_table_where_engines_were_built_again(made: dict[str, Any]) -> None:
    assert "How far a rebuilt engine strays" not in made["demo"][1]
    page = made["gpu"][1]
    assert "How far a rebuilt engine strays" in page
    assert "no <img src=x" not in page, "the reason is shown, not followed"
    assert "no &lt;img src=x" in page
    assert Page(page).rows


def test_bars_reach_from_the_slowest_to_the_fastest_build(made: dict[str, Any]) -> None:
    summary, _ = made["gpu"]
    chart = throughput(summary)
    assert chart is not None and "slowest to the fastest" in chart.note
    barred = {line["name"]: line for line in chart.spec["data"] if "error_y" in line}
    assert set(barred) == {"TensorRT-RTX fp16", "TensorRT-RTX fp32"}
    line = barred["TensorRT-RTX fp16"]
    place = line["x"].index(4)
    own = line["y"][place]
    latency = entry(summary)["rebuilds"]["latency_ms"]
    bars = line["error_y"]
    assert own - bars["arrayminus"][place] == pytest.approx(min(own, 4000 / latency["high"]))
    assert own + bars["array"][place] == pytest.approx(max(own, 4000 / latency["low"]))
    [row] = [row for row in chart.table.rows if row[0] == NAME]
    assert row[-1] == f"{wording.number(own - bars['arrayminus'][place])} to " + wording.number(
        own + bars["array"][place]
    )
    assert {row[-1] for row in chart.table.rows if row[0].startswith("onnx")} == {"–"}
    others = [n for n in range(len(line["x"])) if n != place]
    assert [(bars["array"][n], bars["arrayminus"][n]) for n in others] == [(0, 0), (0, 0)]


def test_without_rebuilds_no_line_has_bars(made: dict[str, Any]) -> None:
    chart = throughput(made["demo"][0])
    assert chart is not None and "slowest to the fastest" not in chart.note
    assert not [line for line in chart.spec["data"] if "error_y" in line]


def test_summaries_of_earlier_versions_lack_the_key(made: dict[str, Any]) -> None:
    summary = dict(made["demo"][0])
    summary["engines"] = [
        {key: value for key, value in one.items() if key != "rebuilds"}
        for one in summary["engines"]
    ]
    assert make_strays(summary).rows == []
    assert throughput(summary) is not None
