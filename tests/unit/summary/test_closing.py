"""The last words of a run."""

import json
from pathlib import Path

import pytest
from example_summaries import CASES, make_example
from segtrt.errors import SegtrtError
from segtrt.summary.closing import closing_lines

REPORT = Path("results/report.html")


def test_a_good_run_ends_with_its_recommendation_and_the_report(tmp_path):
    summary = make_example(CASES["demo"](), tmp_path)
    first, second, last = closing_lines(tmp_path / "summary.json", REPORT)
    assert first == "engines: 12 passed"
    assert second.startswith(f"recommended: {summary['recommendation']['engine']} (")
    assert "times PyTorch" in second
    assert last == "report: results/report.html"


def test_failures_and_the_closest_engine_are_told(tmp_path):
    make_example(CASES["gpu"](), tmp_path)
    lines = closing_lines(tmp_path / "summary.json", REPORT)
    assert lines[0] == "engines: 18 passed, 3 failed, 3 skipped, 3 not run"
    share = "0.12 of the convolutions run in bf16, at least 0.5 expected"
    assert f"  tensorrt_rtx/b32_bf16 failed: {share}" in lines
    assert "came closest, but breaks: latency " in lines[-2]


def test_each_machines_best_engine_is_told(tmp_path):
    summary = make_example(CASES["cluster"](), tmp_path)
    lines = closing_lines(tmp_path / "summary.json", REPORT)
    first, second = lines[-3:-1]
    assert first.startswith("recommended: tensorrt_rtx@a100/b16_int8 (")
    assert second.startswith("  best on epyc-9: openvino@epyc-9/b4_int8 (")
    assert not any("best on a100" in line for line in lines)
    summary["machines"][1]["recommended"] = None
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert "  best on epyc-9: none qualifies" in closing_lines(tmp_path / "summary.json", REPORT)


def test_a_summary_that_cannot_be_read_is_told_in_one_line(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps({"engines": [{}]}))
    with pytest.raises(SegtrtError, match="run the workflow again"):
        closing_lines(tmp_path / "summary.json", REPORT)
