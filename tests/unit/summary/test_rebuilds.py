"""Rebuilds in the summary: which engine they are of, and what they come to."""

import csv
import io
from pathlib import Path

import pytest
from example_rebuilds import make_rebuild, make_scores
from example_summaries import CASES, make_example
from segtrt.engines.rebuild_file import Rebuild
from segtrt.errors import SegtrtError
from segtrt.quality.scores import MetricFacts
from segtrt.summary.document import check_summary
from segtrt.summary.engines import table
from segtrt.summary.rebuilds import RebuildFiles, rebuild_entries, rebuild_entry

DICE = MetricFacts("dice", "Dice", "", higher_is_better=True)


def write(folder: Path, name: str, rebuilds: list[Rebuild], loss: float | None) -> RebuildFiles:
    """The files of an engine's rebuilds, as the workflow names them."""
    places = [folder / f"results/rebuilds/{name}/{n}" for n in range(1, len(rebuilds) + 1)]
    for place, one in zip(places, rebuilds, strict=True):
        place.mkdir(parents=True)
        one.write(place / "rebuild.json")
        make_scores(one.engine, DICE, loss).write(place / "scores.json")
    return RebuildFiles(
        [place / "rebuild.json" for place in places], [place / "scores.json" for place in places]
    )


def test_rebuilds_are_found_by_their_engines_place(tmp_path: Path) -> None:
    """Two machines' engines bear one name in their records; their folders tell them apart."""
    one = make_rebuild("openvino/b1_fp32", 2.0)
    first = write(tmp_path, "openvino@a/b1_fp32", [one, one], 0.1)
    second = write(tmp_path, "openvino@b/b1_fp32_dynamic", [one], None)
    found = rebuild_entries(
        RebuildFiles(
            [*first.rebuilds, *second.rebuilds],
            [*first.scores, *second.scores],
        )
    )
    assert list(found) == ["openvino@a/b1_fp32", "openvino@b/b1_fp32_dynamic"]
    assert [one["number"] for one in found["openvino@a/b1_fp32"]["builds"]] == [1, 2]
    assert found["openvino@a/b1_fp32"]["metric_loss"] == pytest.approx({"low": 0.1, "high": 0.1})
    assert found["openvino@b/b1_fp32_dynamic"]["metric_loss"] is None
    assert rebuild_entries(RebuildFiles()) == {}


def test_the_lowest_and_the_highest_are_of_what_was_built() -> None:
    name = "tensorrt/b4_fp16"
    entry = rebuild_entry(
        [
            (
                make_rebuild(name, 2.5, again_ms=2.0, flipped=7, equal=0, digest="1" * 64),
                make_scores(name, DICE, -0.001),
            ),
            (Rebuild(name, "0" * 64, "no memory"), make_scores(name, DICE, None)),
            (
                make_rebuild(name, 1.5, again_ms=2.1, relative_l2=1e-3, stable=False),
                make_scores(name, DICE, 0.002),
            ),
        ]
    )
    assert (entry["asked"], entry["built"], entry["same_bytes"]) == (3, 2, 1)
    assert (entry["equal_patches"], entry["patches"]) == (48, 96)
    assert entry["stable"] is False
    assert entry["latency_ms"] == {"low": 1.5, "high": 2.5}
    assert entry["proven_latency_ms"] == {"low": 2.0, "high": 2.1}
    assert entry["metric_loss"] == pytest.approx({"low": -0.001, "high": 0.002})
    assert entry["flipped_fraction"]["low"] == 0 < entry["flipped_fraction"]["high"]
    refused = entry["builds"][1]
    assert (refused["number"], refused["reason"]) == (2, "no memory")
    assert {value for key, value in refused.items() if key not in ("number", "reason")} == {None}


def test_nothing_built_has_no_figures() -> None:
    entry = rebuild_entry([(Rebuild("a/b1_fp32", "0" * 64, "no"), make_scores("a", DICE, None))])
    assert (entry["asked"], entry["built"]) == (1, 0)
    assert entry["latency_ms"] is entry["metric_loss"] is None


def test_summary_and_table_have_them(tmp_path: Path) -> None:
    summary = make_example(CASES["gpu"](), tmp_path)
    check_summary(summary)
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(table(summary)))}
    row, entry = (
        each["tensorrt_rtx/b4_fp16"]
        for each in (rows, {one["name"]: one["rebuilds"] for one in summary["engines"]})
    )
    assert row["rebuilds.built"] == "3"
    assert float(row["rebuilds.latency_ms.high"]) == entry["latency_ms"]["high"]
    assert float(row["rebuilds.flipped_fraction.low"]) == entry["flipped_fraction"]["low"]
    assert not [name for name in row if name.startswith("rebuilds.builds")]
    assert rows["tensorrt_rtx/b1_tf32"]["rebuilds.built"] == ""


def test_without_rebuilds_the_table_has_no_column_of_them(tmp_path: Path) -> None:
    summary = make_example(CASES["demo"](), tmp_path)
    assert all(one["rebuilds"] is None for one in summary["engines"])
    assert not [name for name in table(summary).split("\n")[0].split(",") if "rebuilds" in name]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    files = write(tmp_path, "openvino/b1_fp32", [make_rebuild("openvino/b1_fp32", 2.0)], 0.1)
    with pytest.raises(SegtrtError, match=r"scores\.json is not a rebuild this version can read"):
        rebuild_entries(RebuildFiles(files.scores, files.scores))
