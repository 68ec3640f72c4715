"""The summary: put together from the files of a small real chain, checked, and as a table."""

import copy
import csv
import io
import json

import pytest
from example_chain import Chain, TwoMachines
from example_summaries import CASES, make_example
from segtrt.errors import SegtrtError
from segtrt.summary.document import check_summary, read_summary
from segtrt.summary.engines import left_out_entry, table
from segtrt.summary.summarise import write_summary


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The demo's made-up summary and its folder."""
    folder = tmp_path_factory.mktemp("example")
    return make_example(CASES["demo"](), folder), folder


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    return Chain(tmp_path_factory.mktemp("chain"))


def test_a_chain_of_files_becomes_a_summary(chain):
    summary = chain.summarise()
    good, off, unsupported, left_out = summary["engines"]
    assert (good["name"], good["verdict"], good["quality"]["mean"]) == (
        "openvino/b1_fp32",
        "pass",
        1.0,
    )
    assert good["speedup"] == 2.0
    assert good["read_back_ms"] == 42.0
    assert (off["verdict"], off["quality"]["loss"]) == ("fail", 1.0)
    assert (unsupported["verdict"], unsupported["reason"]) == ("skipped", "no batch of 8 here")
    assert (left_out["name"], left_out["reason"]) == ("tensorrt/b1_fp16", "no GPU here")
    assert summary["recommendation"]["engine"] == "openvino/b1_fp32"
    assert summary["reference"]["quality"] == {
        **{"mean": 1.0, "median": 1.0, "worst": 1.0},
        "classes": [1.0],
    }
    assert summary["dataset"]["subjects"] == 2
    assert summary["dataset"]["items"] == summary["dataset"]["slices"] == 8
    assert (summary["dataset"]["patch"], summary["dataset"]["patches"]) == ([3, 64, 64], 8)
    assert summary["model"]["network"]["activation"] == "sigmoid"
    assert summary["classes"] == ["tumour"]
    assert summary["model"]["graphs"] == {"fp32": "1" * 64}
    [machine] = summary["machines"]
    assert (machine["name"], machine["recommended"]) == ("", "openvino/b1_fp32")
    assert machine["facts"] == {
        "cpu": "Example",
        "openvino": "2026.4.1",
        "device": "cpu",
        "torch": "2.13.0",
        "threads": "2",
    }
    assert machine["preparation_ms"] == {"decode": 0.5, "normalise": 0.25}
    index = json.loads((chain.folder / "overlays/index.json").read_text())
    assert list(index["engines"]) == ["openvino/b1_fp32", "openvino/b4_fp32"]
    assert all((chain.folder / "overlays" / s["image"]).is_file() for s in index["views"].values())


def test_engines_of_several_machines_are_distinguished(tmp_path):
    chain = TwoMachines(tmp_path)
    summary = chain.summarise()
    reported = {one["name"]: (one["machine"], one["speedup"]) for one in summary["engines"]}
    assert reported == {
        "openvino@a/b1_fp32": ("a", 2.0),
        "openvino@a/b4_fp32": ("a", 10.0),
        "openvino@b/b1_fp32": ("b", 5.0),
        "tensorrt/b1_fp16": ("", None),
    }
    assert summary["recommendation"]["engine"] == "openvino@a/b1_fp32"
    best = {one["name"]: one["recommended"] for one in summary["machines"]}
    assert best == {"a": "openvino@a/b1_fp32", "b": "openvino@b/b1_fp32"}
    assert [one["preparation_ms"]["decode"] for one in summary["machines"]] == [0.5, 2.0]
    assert [one["timings"][0]["total"]["median"] for one in summary["machines"]] == [10.0, 50.0]
    index = json.loads((tmp_path / "overlays/index.json").read_text())
    assert set(index["engines"]) == set(reported) - {"tensorrt/b1_fp16"}


def test_a_machine_without_engines_is_reported_of_all_the_same(tmp_path):
    chain = TwoMachines(tmp_path)
    chain.timings, chain.scores, chain.validations = (
        [path for path in paths if "@b" not in str(path)]
        for paths in (chain.timings, chain.scores, chain.validations)
    )
    facts = {one["name"]: one["facts"] for one in chain.summarise()["machines"]}
    assert facts["a"]["cpu"] == "Example"
    assert facts["b"] == {
        "cpu": "Example of PyTorch's",
        "isa": "none",
        "device": "cpu",
        "torch": "2.13.0",
        "threads": "2",
    }


def test_an_earlier_summary_is_compared_with(chain, tmp_path):
    earlier = chain.summarise()
    assert earlier["comparison"] is None
    (tmp_path / "earlier.json").write_text(json.dumps(earlier))
    summary = chain.summarise(compare_with=str(tmp_path / "earlier.json"))
    line = summary["comparison"]["engines"][0]
    assert (line["speed"], line["quality"]) == ("same", "same")
    assert summary["comparison"]["same_machines"]


def test_an_engine_that_was_built_but_not_run_says_why(chain):
    lists = chain.timings, chain.scores, chain.validations
    held = [list(one) for one in lists]
    try:
        for one in lists:
            del one[0]
        first = chain.summarise()["engines"][0]
    finally:
        for one, before in zip(lists, held, strict=True):
            one[:] = before
    assert (first["verdict"], first["reason"]) == ("not_run", "built, but not run")
    assert first["engine_bytes"] == 2**20
    assert first["timing"] is None


def test_every_figure_of_an_engine_is_in_the_table(example):
    summary, folder = example
    rows = list(csv.DictReader(io.StringIO((folder / "summary.csv").read_text())))
    assert [row["name"] for row in rows] == [one["name"] for one in summary["engines"]]
    for row, engine in zip(rows, summary["engines"], strict=True):
        assert float(row["timing.total.median"]) == engine["timing"]["total"]["median"]
        assert float(row["quality.loss"]) == engine["quality"]["loss"]
        assert float(row["errors.flipped_fraction"]) == engine["errors"]["flipped_fraction"]
        for subject in engine["subjects"]:
            assert float(row[f"figure.subject.{subject['subject']}"]) == subject["figure"]


def test_a_table_has_a_row_for_engines_left_out():
    rows = list(csv.DictReader(io.StringIO(table({"engines": [left_out_entry("a/b1_fp8", "no")]}))))
    assert (rows[0]["verdict"], rows[0]["reason"], rows[0]["timing"]) == ("skipped", "no", "")


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.pop("machines"),
        lambda s: s.update(machines=[]),
        lambda s: s["machines"][0].pop("preparation_ms"),
        lambda s: s["engines"][0].pop("machine"),
        lambda s: s["engines"][0].pop("verdict"),
        lambda s: s["engines"][0].update(verdict="fine"),
        lambda s: s["engines"][0]["timing"]["total"].pop("median"),
        lambda s: s["dataset"].update(subjects="five"),
        lambda s: s["model"].update(weights_sha256="abc"),
        lambda s: s["engines"][0]["subjects"][0].update(figure="good"),
    ],
)
def test_the_schema_refuses_what_is_missing_or_of_another_type(example, damage):
    summary = copy.deepcopy(example[0])
    check_summary(summary)
    damage(summary)
    with pytest.raises(ValueError, match=r"^\$"):
        check_summary(summary)


def test_a_summary_that_breaks_the_schema_is_not_written(example, tmp_path):
    broken = {**example[0], "engines": None}
    with pytest.raises(ValueError, match="engines"):
        write_summary(broken, tmp_path / "s.json", tmp_path / "s.csv")
    assert list(tmp_path.iterdir()) == []


def test_other_formats_and_damage_are_reported_in_one_line(example, tmp_path):
    path = tmp_path / "summary.json"
    path.write_text('{"format": "segtrt-summary-0"}')
    with pytest.raises(SegtrtError, match="found 'segtrt-summary-0'"):
        read_summary(path)
    path.write_text(json.dumps({**example[0], "title": 3}))
    with pytest.raises(SegtrtError, match=r"is damaged: \$\.title: 3 is not of type 'string'"):
        read_summary(path)


def test_examples_are_the_same_each_time(example, tmp_path):
    assert make_example(CASES["demo"](), tmp_path) == example[0]
