"""The last words of a run."""

import json
from pathlib import Path

import pytest
from example_summaries import CASES, make_example
from segtrt.summary.closing import closing_lines

REPORT = Path("results/report.html")


def test_a_good_run_ends_with_its_recommendation_and_the_report(tmp_path):
    summary = make_example(CASES["demo"](), tmp_path)
    first, second, last = closing_lines(tmp_path / "summary.json", REPORT)
    assert first == "engines: 12 passed"
    assert second.startswith(f"recommended: {summary['recommendation']['engine']} (")
    assert "times PyTorch" in second
    best = next(
        one for one in summary["engines"] if one["name"] == summary["recommendation"]["engine"]
    )
    ends = best["quality"]["loss_interval"]
    assert f"95 %: {ends['low']:.4f} to {ends['high']:.4f} over 4 subjects)" in second
    assert last == "report: results/report.html"


def test_failures_and_the_closest_engine_are_reported(tmp_path):
    make_example(CASES["gpu"](), tmp_path)
    lines = closing_lines(tmp_path / "summary.json", REPORT)
    assert lines[0] == "engines: 18 passed, 3 failed, 3 skipped, 3 not run"
    share = "0.12 of the convolutions run in bf16, at least 0.5 expected"
    assert f"  tensorrt_rtx/b32_bf16 failed: {share}" in lines
    assert "came closest, but breaks: latency " in lines[-2]


def test_a_reference_that_finds_nothing_is_reported_instead_of_a_recommendation(tmp_path):
    make_example(CASES["hollow"](), tmp_path)
    first, second, last = closing_lines(tmp_path / "summary.json", REPORT)
    assert first == "engines: 12 passed"
    assert second.startswith("recommended: none; the network does not segment these images: mean ")
    assert last == "report: results/report.html"


def test_without_ground_truth_the_share_of_flipped_pixels_is_reported(tmp_path):
    summary = make_example(CASES["unlabelled"](), tmp_path)
    line = closing_lines(tmp_path / "summary.json", REPORT)[1]
    name = summary["recommendation"]["engine"]
    [best] = [one for one in summary["engines"] if one["name"] == name]
    flipped = f"{best['errors']['flipped_fraction']:.2g}"
    reported = f"no ground truth, so no interval of a loss, {flipped} of pixels differ)"
    assert line.endswith(reported)


def test_a_distance_is_reported_with_its_unit(tmp_path):
    make_example(CASES["organs"](), tmp_path)
    line = closing_lines(tmp_path / "summary.json", REPORT)[1]
    assert "Hausdorff distance (95 %) " in line and " mm lost, 95 %: " in line


def test_each_machines_best_engine_is_reported(tmp_path):
    summary = make_example(CASES["cluster"](), tmp_path)
    lines = closing_lines(tmp_path / "summary.json", REPORT)
    first, second = lines[-3:-1]
    assert first.startswith("recommended: tensorrt_rtx@a100/b16_int8 (")
    assert second.startswith("  best on epyc-9: openvino@epyc-9/b4_int8 (")
    assert not any("best on a100" in line for line in lines)
    summary["machines"][1]["recommended"] = None
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert "  best on epyc-9: none qualifies" in closing_lines(tmp_path / "summary.json", REPORT)


def _without(summary, *keys):
    place = summary
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    return summary


DAMAGE = {
    "no JSON": lambda _: "{",
    "a list": lambda _: "[]",
    "text": lambda _: '"summary"',
    "nothing": lambda _: "null",
    "engines without names": lambda _: json.dumps({"engines": [{}]}),
    "engines of another kind": lambda good: json.dumps({**good, "engines": [1]}),
    "no recommendation": lambda good: json.dumps(_without(good, "recommendation")),
    "an unknown engine": lambda good: json.dumps({**good, "recommendation": {"engine": "x"}}),
    "text for a figure": lambda good: json.dumps(good).replace(
        '"median": ', '"median": "x", "y": '
    ),
    "no machines": lambda good: json.dumps({**good, "machines": None}),
    "nested without end": lambda _: "[" * 100_000,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_summary_gives_one_line_and_no_exception(tmp_path, damage):
    good = make_example(CASES["demo"](), tmp_path)
    path = tmp_path / "summary.json"
    path.write_text(damage(good))
    (line,) = closing_lines(path, REPORT)
    refusals = (f"summary {path} is ", f"{path} is not a summary this version can read (")
    assert line.startswith(refusals) and "run the workflow again" in line
    assert "\n" not in line


def test_a_summary_that_is_no_file_gives_one_line(tmp_path):
    assert closing_lines(tmp_path, REPORT) == [f"{tmp_path}: Is a directory"]
    (line,) = closing_lines(tmp_path / "none.json", REPORT)
    assert line == f"summary {tmp_path}/none.json does not exist; run the workflow to make it"
