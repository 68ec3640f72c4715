"""The page: the figures of the summary and nothing but text from the outside."""

import base64
import copy
import json

import pytest
import yaml
from example_summaries import CASES, HOSTILE, make_example
from report_page import Page
from segtrt.errors import SegtrtError
from segtrt.report import wording
from segtrt.report.matrix import columns
from segtrt.report.overview import make_overview
from segtrt.report.page import (
    SCRIPTS,
    load_overlays,
    render,
    script_hash,
    script_json,
    write_report,
)
from segtrt.summary.comparison import compare


@pytest.fixture(scope="session")
def examples(tmp_path_factory):
    """Case -> (summary, overlays, page)."""
    made = {}
    for name in ("demo", "gpu", "cluster", "organs", "unlabelled", "hollow"):
        folder = tmp_path_factory.mktemp(name)
        summary = make_example(CASES[name](), folder)
        write_report(folder / "summary.json", folder / "overlays", folder / "report.html")
        html = (folder / "report.html").read_text(encoding="utf-8")
        made[name] = summary, load_overlays(folder / "overlays"), Page(html)
    return made


NO_PICTURES = {
    **{"format": "segtrt-overlays-2", "views": {}, "engines": {}, "classes": ["tumour"]},
    **{"channel": 1, "dropped": 0},
}


def figure(engine, key):
    """An engine's figure, by the path that the summary's schema gives."""
    paths = {
        "latency_ms": ("timing", "total", "median"),
        "p99_ms": ("timing", "total", "p99"),
        "images_per_second": ("timing", "images_per_second"),
        "speedup": ("speedup",),
        "speedup_float32": ("speedup_float32",),
        "metric": ("quality", "mean"),
        "metric_loss": ("quality", "loss"),
        "flipped_fraction": ("errors", "flipped_fraction"),
        "agreement": ("agreement",),
        "relative_rms": ("errors", "relative_rms"),
        "max_abs_error": ("errors_every_item", "max_abs_error"),
        "mean_abs_error": ("errors", "mean_abs_error"),
        "relative_l2": ("errors", "relative_l2"),
        "cosine_similarity": ("errors", "cosine_similarity"),
        "size": ("engine_bytes",),
        "build": ("build_ms",),
        "first_start": ("first_start_ms",),
        "read_back": ("read_back_ms",),
        "memory": ("memory_mib",),
    }
    value = engine
    for step in paths[key]:
        value = value and value[step]
    return value


@pytest.mark.parametrize("case", ["demo", "gpu", "cluster", "organs", "unlabelled"])
def test_the_matrix_has_the_summarys_figures(examples, case):
    summary, _, page = examples[case]
    assert [row["engine"] for row in page.rows] == [one["name"] for one in summary["engines"]]
    for row, engine in zip(page.rows, summary["engines"], strict=True):
        assert set(row["cells"]) == {column.key for column in columns(summary)}
        for key, reported in row["cells"].items():
            expected = figure(engine, key)
            assert reported == "" if expected is None else float(reported) == expected


def test_the_charts_have_the_summarys_figures(examples):
    summary, _, page = examples["demo"]
    specs = page.data("chart-specs")
    boxes = {trace["name"]: trace["x"] for trace in specs["latency"]["data"]}
    dices = {trace["name"]: trace["x"] for trace in specs["subjects"]["data"]}
    for engine in summary["engines"]:
        assert boxes[engine["name"]] == engine["timing"]["samples_ms"]
        scored = [one["figure"] for one in engine["subjects"] if one["split"] == "evaluation"]
        assert dices[engine["name"]] == scored


def test_the_first_screen_recommends(examples):
    summary, _, page = examples["demo"]
    first = make_overview(summary)
    name = summary["recommendation"]["engine"]
    engine = next(one for one in summary["engines"] if one["name"] == name)
    assert first.qualifies
    assert first.command == (
        f"segtrt run results/engines/{name}/engine.bin results/onnx/fp32/test_data_set_0/input_0.pb"
    )
    assert [tile.label for tile in first.tiles] == [
        "Speed-up over PyTorch eager bf16",
        "Mean Dice",
        "Latency of a batch",
        "Verdict",
    ]
    assert f"{engine['quality']['mean']:.4f}" == first.tiles[1].value
    assert f"{engine['quality']['reference_mean']:.4f}" in first.tiles[1].detail
    assert first.tiles[0].detail.endswith(
        f"{wording.times(engine['speedup_float32'])} over float32"
    )
    shown = " ".join(page.text)
    assert first.command in shown
    assert all(tile.value in shown for tile in first.tiles)


def test_if_nothing_qualifies_the_closest_and_its_broken_limit_are_reported(examples):
    summary, _, page = examples["gpu"]
    first = make_overview(summary)
    assert (first.title, first.command, first.qualifies) == ("No engine qualifies", "", False)
    assert "came closest, but breaks: latency" in first.sentence
    assert "limit 0.2 ms" in first.sentence
    assert first.sentence in " ".join(page.text)
    assert not any("segtrt run" in text for text in page.text)


def test_if_the_reference_finds_nothing_no_engine_is_praised(examples):
    summary, _, page = examples["hollow"]
    first = make_overview(summary)
    assert (first.title, first.command, first.qualifies) == ("No verdict on engines", "", False)
    assert first.tiles == []
    assert "the network does not segment these images" in first.sentence
    shown = " ".join(page.text)
    assert first.sentence in shown
    assert not any(attrs.get("class") in ("recommended", "tag") for _, attrs in page.tags)
    assert not any(one in shown for one in ("segtrt run", "fastest engine that passed"))
    assert shown.count("these figures say nothing about engines") == 3  # the charts of quality


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss_interval": {"low": 0.0, "high": 0.0049}}, None),
        (
            {"loss": 0.002, "loss_interval": {"low": -0.001, "high": 0.0081}},
            "limit of 0.005: loss −0.0010 to 0.0081 with 95 % confidence, over 4 subjects.",
        ),
        (
            {"loss_interval": None, "paired_subjects": 1},
            "No interval of the loss is possible from 1 subject: two are needed.",
        ),
    ],
)
def test_what_the_interval_leaves_open_is_reported(examples, change, message):
    summary = copy.deepcopy(examples["demo"][0])
    engine = next(
        one for one in summary["engines"] if one["name"] == summary["recommendation"]["engine"]
    )
    engine["quality"] |= change
    cautions = make_overview(summary).cautions
    words = [one for one in cautions if "interval" in one or "confidence" in one]
    assert [one.endswith(message) for one in words] == ([True] if message else [])


def test_without_ground_truth_agreement_is_reported_and_nothing_that_needs_truth(examples):
    summary, overlays, page = examples["unlabelled"]
    first = make_overview(summary)
    assert first.tiles[1].label == "Agreement with PyTorch"
    assert "lost" not in first.limits
    assert any("There is no ground truth" in caution for caution in first.cautions)
    specs = page.data("chart-specs")
    assert "quality" not in specs
    agreements = {trace["name"]: trace["x"] for trace in specs["subjects"]["data"]}
    for engine in summary["engines"]:
        scored = [one["agreement"] for one in engine["subjects"] if one["split"] == "evaluation"]
        assert agreements[engine["name"]] == scored
    assert not {"metric", "metric_loss"} & set(page.rows[0]["cells"])
    assert all(view["truth"] is None for view in overlays["views"].values())
    assert not any(attrs.get("data-layer") == "truth" for _, attrs in page.tags)


def test_classes_volumes_and_units_are_reported(examples):
    summary, overlays, page = examples["organs"]
    shown = " ".join(" ".join(page.text).split())
    assert "6 subjects with 6 volumes (360 slices) scored" in shown
    assert "at most 0.5 mm of Hausdorff distance (95 %) lost" in shown
    assert [name for name in summary["classes"] if name in shown] == summary["classes"]
    by_class = {trace["name"]: trace["x"] for trace in page.data("chart-specs")["classes"]["data"]}
    for engine in summary["engines"]:
        assert by_class[engine["name"]] == engine["quality"]["classes"]
    assert {view["plane"] is None for view in overlays["views"].values()} == {False}
    assert "case_00 and case_03 have 1 image in common and may be one subject." in shown
    assert "2 files of the data set match no pattern (notes.txt and backup/case_00.nii.gz)" in shown


def test_if_nothing_was_run_the_reasons_are_reported(examples):
    summary = copy.deepcopy(examples["demo"][0])
    for engine in summary["engines"]:
        engine.update(verdict="not_run", reason="no GPU here", timing=None, quality=None)
        engine.update(errors=None, errors_every_item=None, subjects=[], speedup=None)
    summary["recommendation"].update(engine=None, closest=None, candidates=0, qualified=0)
    summary["reference"].update(quality=None, subjects=[])
    first = make_overview(summary)
    assert (first.title, first.tiles) == ("No engine was run", [])
    assert "no GPU here" in first.sentence
    html = render(summary, NO_PICTURES)
    assert "No engine was scored" in html


def test_reasons_failures_and_unstable_timings_are_reported(examples):
    summary, _, page = examples["gpu"]
    shown = " ".join(page.text)
    assert "loss of Dice 0.031, limit 0.003" in shown
    assert "0.12 of the convolutions run in bf16, at least 0.5 expected" in shown
    assert "the GPU it was built for is not here" in shown
    reason = next(one["reason"] for one in summary["engines"] if one["precision"] == "int8")
    assert reason in shown
    unstable = next(one for one in summary["engines"] if one["name"] == "tensorrt_rtx/b4_fp16")
    assert unstable["timing"]["unstable_reason"] in shown


def test_hostile_names_are_text_and_never_markup(examples):
    _, _, page = examples["gpu"]
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert not any(attributes.get("src") == "x" for _, attributes in page.tags)
    shown = " ".join(page.text)
    assert HOSTILE in shown
    assert f"GPU run {HOSTILE}" in shown
    inside = [text for attrs, text in page.scripts if attrs.get("type") == "application/json"]
    assert len(inside) == 2
    assert not any("<" in text for text in inside)


def test_script_json_can_end_no_element_and_reads_back():
    value = {"</script><!--": ["\u2028", "&amp;", '"']}
    text = script_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_nothing_is_loaded_from_anywhere(examples):
    _, _, page = examples["demo"]
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action"):
            reported = attributes.get(name) or ""
            assert reported == "" or reported.startswith(("data:", "#")), (tag, reported)
        assert tag not in ("iframe", "object", "embed", "base")
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")


def test_only_the_pages_own_scripts_may_run(examples):
    _, _, page = examples["gpu"]
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    allowed = next(one for one in policy.split("; ") if one.startswith("script-src ")).split()[1:]
    run = [text for attrs, text in page.scripts if "type" not in attrs]
    assert len(run) == len(SCRIPTS)
    assert allowed == [f"'{script_hash(text)}'" for text in run]
    assert script_hash("") == "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_pictures_and_outlines_are_in_the_page(examples):
    _, overlays, page = examples["demo"]
    assert page.data("overlays").items() >= overlays.items()
    some = next(iter(overlays["views"].values()))
    assert base64.b64decode(some["image"].partition("base64,")[2])[8:12] == b"WEBP"


def test_provenance_is_complete(examples):
    summary, _, page = examples["gpu"]
    shown = " ".join(page.text)
    assert summary["model"]["weights_sha256"] in shown
    for digest in summary["model"]["graphs"].values():
        assert digest in shown
    for value in summary["machines"][0]["facts"].values():
        assert value in shown
    for rule in summary["rules"]:
        assert rule["rule"] in shown
    for note in summary["model"]["network"]["notes"]:
        assert note in shown
    for skipped in summary["dataset"]["skipped"]:
        assert skipped["reason"] in shown
    config = next(text for text in page.text if "compare_with:" in text)
    assert yaml.safe_load(config) == summary["config"]


def test_a_comparison_is_reported(examples):
    summary = copy.deepcopy(examples["demo"][0])
    other = copy.deepcopy(summary)
    other["title"] = "before"
    for engine in other["engines"][:2]:
        engine["timing"]["total"]["median"] *= 2
    other["engines"][5]["quality"]["mean"] += 0.01
    summary["comparison"] = compare(summary, other)
    overlays = NO_PICTURES
    shown = " ".join(Page(render(summary, overlays)).text)
    assert "Beside “before”: 2 faster, 0 slower, 0 better, 1 worse" in shown
    assert "The same machine." in shown


def test_missing_pictures_are_refused_in_one_line(tmp_path):
    with pytest.raises(SegtrtError, match=r"index of pictures .* does not exist"):
        load_overlays(tmp_path)
    index = {**NO_PICTURES, "views": {"a/1": {"image": "0.webp"}}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(SegtrtError, match=r"0\.webp does not exist"):
        load_overlays(tmp_path)
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(SegtrtError, match="segtrt-overlays-2 expected"):
        load_overlays(tmp_path)


def test_the_whole_kaggle_set_stays_below_its_limits(tmp_path):
    make_example(CASES["kaggle"](), tmp_path)
    write_report(tmp_path / "summary.json", tmp_path / "overlays", tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 15 * 2**20
