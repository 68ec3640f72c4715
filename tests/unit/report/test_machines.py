"""The page of a run on several machines, and that of one does not mention them."""

import copy

import pytest
from example_summaries import CASES, make_example
from report_page import Page
from segtrt.report import machines, wording
from segtrt.report.matrix import make_row
from segtrt.report.overview import make_overview
from segtrt.report.page import load_overlays, render
from segtrt.summary.comparison import compare


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """Case -> (summary, overlays, page)."""
    made = {}
    for name in ("demo", "gpu", "cluster"):
        folder = tmp_path_factory.mktemp(name)
        summary = make_example(CASES[name](), folder)
        overlays = load_overlays(folder / "overlays")
        made[name] = summary, overlays, Page(render(summary, overlays))
    return made


def test_one_machine_is_not_mentioned(examples):
    summary, _, page = examples["demo"]
    assert make_overview(summary).best == []
    assert not any("data-machine" in attributes for _, attributes in page.tags)
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert not ids & {"filter-machine", "best", "machines"}
    assert "Machine and versions" in " ".join(page.text)


def test_the_first_screen_has_the_best_engine_of_each_machine(examples):
    summary, _, page = examples["cluster"]
    first = make_overview(summary)
    assert first.title == "TensorRT-RTX int8, batch 16 on a100"
    assert (first.command_label, first.machine) == ("Use it on a100:", "2 machines")
    assert "36 were run, on 2 machines" in first.sentence
    engines = {one["name"]: one for one in summary["engines"]}
    for best, machine in zip(first.best, summary["machines"], strict=True):
        engine = engines[machine["recommended"]]
        assert engine["machine"] == machine["name"]
        assert (best.machine, best.name) == (machine["name"], engine["name"])
        assert best.device in machine["facts"].values()
        assert best.images_per_second == wording.number(engine["timing"]["images_per_second"])
        assert best.latency_ms == wording.number(engine["timing"]["total"]["median"])
        assert best.figure == wording.score(engine["quality"]["mean"])
        shown = [text.strip() for text in page.text]
        for reported in (
            best.device,
            best.label,
            best.images_per_second,
            best.latency_ms,
            best.figure,
        ):
            assert reported in shown
    assert [best.recommended for best in first.best] == [True, False]


def test_a_machine_on_which_none_qualifies_says_so(examples):
    summary = copy.deepcopy(examples["cluster"][0])
    summary["machines"][1]["recommended"] = None
    best = make_overview(summary).best[1]
    assert (best.name, best.label, best.figure) == ("", "none within the limits", "–")


def test_speed_up_and_pytorch_are_of_the_engines_machine(examples):
    summary = copy.deepcopy(examples["cluster"][0])
    name = summary["machines"][1]["recommended"]
    summary["recommendation"]["engine"] = name
    [engine] = [one for one in summary["engines"] if one["name"] == name]
    way = summary["machines"][1]["baselines"][0]
    assert way["counts"] and engine["speedup_over"] == way["name"]
    torch = {one["batch_size"]: one for one in way["timings"]}
    speed = torch[engine["batch_size"]]["images_per_second"]
    tile = make_overview(summary).tiles[0]
    assert tile.value == wording.times(engine["timing"]["images_per_second"] / speed)
    assert f"against {wording.number(speed)} images" in tile.detail


def test_cautions_name_machines(examples):
    cautions = " ".join(make_overview(examples["cluster"][0]).cautions)
    assert "unstable on epyc-9" in cautions
    assert "could not be run;" in cautions
    assert "could not be run here;" in " ".join(make_overview(examples["gpu"][0]).cautions)


def test_the_matrix_tells_machines_apart(examples):
    summary, _, page = examples["cluster"]
    rows = [attributes for tag, attributes in page.tags if "data-engine" in attributes]
    assert [row["data-machine"] for row in rows] == [one["machine"] for one in summary["engines"]]
    tags = {engine["name"]: make_row(engine, summary).tag for engine in summary["engines"]}
    assert {name: tag for name, tag in tags.items() if tag} == {
        summary["machines"][0]["recommended"]: "recommended",
        summary["machines"][1]["recommended"]: "best on epyc-9",
    }


def test_provenance_has_each_machines_facts(examples):
    summary, _, page = examples["cluster"]
    reported = machines.facts(summary)
    assert reported["gpu"] == ["Example GPU 80GB", "–"]
    assert reported["openvino"] == ["–", "2026.4.1"]
    shown = [text.strip() for text in page.text]
    for machine in summary["machines"]:
        assert set(machine["facts"].values()) <= set(shown)
    assert "snakemake describe_machines\nmake report\nsnakemake -c4 check" in shown
    assert "make report\nsnakemake -c4 check" in (text.strip() for text in examples["demo"][2].text)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"a100": {}, "epyc-9": {}}, "The same machines."),
        ({"a100": {"driver": "1"}, "epyc-9": {}}, "Changed machines: a100 (driver)."),
        (
            {"epyc-9": {"cpu": "x"}, "old": {}},
            "Changed machines: epyc-9 (cpu). Machines only here: a100. Machines only there: old.",
        ),
        (
            {"": {}},
            "Machines only here: a100 and epyc-9. Machines only there: one without a name.",
        ),
    ],
)
def test_a_comparison_says_which_machines_differ(examples, other, message):
    summary = copy.deepcopy(examples["cluster"][0])
    own = {one["name"]: one["facts"] for one in summary["machines"]}
    before = copy.deepcopy(summary)
    before["machines"] = [
        {"name": name, "facts": {**own.get(name, {}), **facts}} for name, facts in other.items()
    ]
    summary["comparison"] = compare(summary, before)
    assert machines.compared(summary) == message
    overlays = {"format": "segtrt-overlays-2", "views": {}, "engines": {}, "classes": []}
    overlays |= {"channel": 0, "dropped": 0}
    shown = " ".join(Page(render(summary, overlays)).text)
    assert message in shown
    assert ("The other machine" in shown) is (message != "The same machines.")
