"""From images and a network to the region that is to blame, by the real workflow."""

import json

import pytest
from ruined_network import RUINED
from ruined_run import ruined_run
from tiny_run import Runner, planned

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return ruined_run(tmp_path_factory.mktemp("blame"), ["fp32", "int8"])


def test_the_ruined_region_is_at_the_top_of_the_table(runner: Runner) -> None:
    said = runner.run("blame")
    rows = [line.split() for line in said.splitlines() if " int8" in line and "." in line]
    table = [row for row in rows if row[0].isdecimal() and row[2].startswith("int8")]
    assert len(table) == 2 * 4
    assert {(row[1], row[2]) for row in table[:2]} == {(RUINED, "int8"), (RUINED, "int8_openvino")}
    assert all(float(row[3]) > 0.5 for row in table[:2])
    assert all(abs(float(row[3])) < 0.05 for row in table[2:])
    assert "on 2 search subjects" in said
    found = json.loads(
        (runner.folder / "results/precision/sensitivity/int8/04.json").read_text(encoding="utf-8")
    )
    assert found["outcome"] == "empty"
    # No engine is built for it, and nothing is left to do.
    assert not (runner.folder / "results/engines").exists()
    assert planned(runner.run("blame", "-n")) == {"blame"}


def test_another_tolerance_judges_no_region_anew(runner: Runner) -> None:
    runner.run("blame")
    said = runner.run("blame", "-n", "--config", "report={max_metric_loss: 0.1}")
    assert planned(said) == {"blame"}
    said = runner.run("blame", "-n", "--config", "precision_search={regions: 3}")
    assert planned(said) == {"blame", "blame_region", "split_regions", "note_changes"}


def test_the_report_shows_it(runner: Runner) -> None:
    runner.run("results/report.html")
    summary = json.loads((runner.folder / "results/summary.json").read_text(encoding="utf-8"))
    names = [region["name"] for region in summary["precision_search"]["regions"]]
    assert names == ["a", "b", "c", "head"]
    assert summary["dataset"]["search_subjects"] == 2
    page = (runner.folder / "results/report.html").read_text(encoding="utf-8")
    assert f"{RUINED} loses most, in int8" in page
