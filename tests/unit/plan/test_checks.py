"""Mistakes in the settings that are reported before any job runs."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_summaries import CASES, make_example
from segtrt.config.resolve import resolve_config
from segtrt.config.settings import Dataset, Tensors
from segtrt.data.layout import Listing
from segtrt.data.listing import list_items
from segtrt.errors import SegtrtError
from segtrt.graphs.sample import Sample
from segtrt.plan.checks import (
    check_calibration,
    check_compared,
    check_samples,
    check_search,
    refuse_own_outputs,
)
from segtrt.plan.dataset import dataset_form


def refused(check: Any, *arguments: Any) -> str:
    with pytest.raises(SegtrtError) as caught:
        check(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with results, and a link to them beside it."""
    folder = tmp_path / "here"
    (folder / "results/model").mkdir(parents=True)
    (folder / "results/summary.json").write_text("{}")
    (folder / "link").symlink_to(folder / "results")
    (tmp_path / "elsewhere/results").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


OWN = [
    "results/summary.json",
    "./results/../results/summary.json",
    "results",
    "results/not/there/yet",
    "link/summary.json",
    "../here/results/summary.json",
    "{folder}/results/summary.json",
]
OTHERS = [
    "../elsewhere/results/summary.json",
    "results.json",
    "my/results/summary.json",
    "results2/x",
]


def settings_naming(key: str, path: str) -> dict[str, Any]:
    group, name = key.split(".")
    given: dict[str, Any] = {group: {name: path}}
    if group == "dataset":
        given["dataset"]["source"] = "path"
    return given


@pytest.mark.parametrize("key", ["dataset.path", "model.weights", "report.compare_with"])
@pytest.mark.parametrize("path", OWN)
def test_a_setting_that_names_an_output_is_refused(key: str, path: str, folder: Path) -> None:
    named = path.format(folder=folder)
    message = refused(refuse_own_outputs, resolve_config(settings_naming(key, named)), Path())
    assert message.startswith(f"{key} is {named!r}, which lies in results, where the workflow")
    assert refused(refuse_own_outputs, resolve_config(settings_naming(key, named)), folder)


@pytest.mark.parametrize("key", ["dataset.path", "model.weights", "report.compare_with"])
@pytest.mark.parametrize("path", OTHERS)
def test_a_setting_that_names_something_else_is_not(key: str, path: str, folder: Path) -> None:
    refuse_own_outputs(resolve_config(settings_naming(key, path)), folder)


def test_results_that_are_a_link_are_the_workflows_own_by_both_names(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here/results").symlink_to(tmp_path / "disk")
    for path in ("results/summary.json", str(tmp_path / "disk/summary.json")):
        settings = resolve_config({"report": {"compare_with": path}})
        assert "lies in results" in refused(refuse_own_outputs, settings, tmp_path / "here")


def test_with_a_prefix_the_results_below_it_are_the_workflows_own(folder: Path) -> None:
    settings = resolve_config({"report": {"compare_with": "part/results/summary.json"}})
    refuse_own_outputs(settings, folder)
    assert "lies in part/results" in refused(refuse_own_outputs, settings, folder, "part/")
    other = resolve_config({"report": {"compare_with": "results/summary.json"}})
    refuse_own_outputs(other, folder, "part/")


def test_trained_weights_are_named_as_the_workflow_names_them(folder: Path) -> None:
    for name in ("results/training/weights.safetensors", "./results/training/weights.safetensors"):
        refuse_own_outputs(resolve_config({"model": {"weights": name}}), folder)
    refuse_own_outputs(resolve_config({"model": {"weights": "https://a/results/w.pt"}}), folder)
    absolute = str(folder / "results/training/weights.safetensors")
    message = refused(refuse_own_outputs, resolve_config({"model": {"weights": absolute}}), folder)
    assert "or write results/training/weights.safetensors for those that it trains" in message


def test_a_zip_within_what_is_unpacked_from_it_is_refused(folder: Path) -> None:
    given = {"source": "kaggle", "path": "data/kaggle_3m/archive.zip"}
    message = refused(refuse_own_outputs, resolve_config({"dataset": given}), folder)
    assert "lies in data/kaggle_3m" in message
    given = {"source": "path", "path": "data/kaggle_3m"}
    refuse_own_outputs(resolve_config({"dataset": given}), folder)


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A summary as the workflow writes it."""
    return make_example(CASES["demo"](), tmp_path_factory.mktemp("summary"))


def test_a_summary_to_compare_with_must_be_one(summary: dict[str, Any], tmp_path: Path) -> None:
    settings = resolve_config({"report": {"compare_with": "earlier.json"}})
    earlier = tmp_path / "earlier.json"
    assert "report.compare_with: summary" in refused(check_compared, settings, tmp_path)
    earlier.write_text(json.dumps(summary))
    check_compared(settings, tmp_path)
    check_compared(resolve_config({}), tmp_path)
    for text in ("{", "[]", "{}", json.dumps({**summary, "format": "segtrt-summary-0"})):
        earlier.write_text(text)
        assert refused(check_compared, settings, tmp_path).startswith("report.compare_with: ")


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity", "1e999", "0", "null"])
def test_a_figure_that_cannot_be_compared_is_reported_in_one_line(
    summary: dict[str, Any], tmp_path: Path, figure: str
) -> None:
    settings = resolve_config({"report": {"compare_with": "earlier.json"}})
    damaged = copy.deepcopy(summary)
    place = next(i for i, engine in enumerate(damaged["engines"]) if engine["timing"])
    damaged["engines"][place]["timing"]["total"]["median"] = "HERE"
    (tmp_path / "earlier.json").write_text(json.dumps(damaged).replace('"HERE"', figure))
    message = refused(check_compared, settings, tmp_path)
    unreadable = figure in ("NaN", "Infinity", "-Infinity", "1e999")
    assert "earlier.json is " in message
    assert (" number" if unreadable else "damaged: $.engines") in message


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three subjects with slices 1, 2 and 10; names are all that is looked at."""
    for subject in ("anna", "berta", "carla"):
        for number in (1, 2, 10):
            for kind in ("", "_mask"):
                path = tmp_path / f"images/{subject}/{subject}_{number}{kind}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
    return tmp_path / "images"


def dataset(images: Path, **changes: Any) -> Dataset:
    given = {"source": "path", "path": str(images), **changes}
    return resolve_config({"dataset": given}).dataset


def listed(given: Dataset, images: Path) -> Listing:
    return list_items(images, dataset_form(given, images).layout, given.subjects)


def tensors(*samples: Sample, axis: int | None = None) -> Tensors:
    return replace(resolve_config({}).tensors, samples=samples, axis=axis)


def test_samples_that_there_are_pass(images: Path) -> None:
    samples = [Sample("anna", 1), Sample("carla", 10), Sample("carla"), Sample("anna", item="2")]
    check_samples(tensors(*samples), listed(dataset(images), images), images)
    check_samples(tensors(), listed(dataset(images), images), images)
    check_samples(replace(tensors(), samples=None), listed(dataset(images), images), images)
    # Places in a volume are not known before it is opened.
    check_samples(tensors(Sample("anna", 77), axis=0), listed(dataset(images), images), images)


@pytest.mark.parametrize(
    ("sample", "reported"),
    [
        (
            Sample("ana", 1),
            "tensors.samples[1] names the subject ana, which is none of the 3 in {images}; "
            "expected one such as anna",
        ),
        (Sample("DEMO", 1), "expected one such as anna, berta, carla"),
        (
            Sample("berta", 3),
            "tensors.samples[1] names slice 3 of berta, which has the slices 1, 2, 10",
        ),
        (
            Sample("berta", item="01"),
            "tensors.samples[1] names item 01 of berta, which has the items 1, 2, 10",
        ),
    ],
)
def test_a_sample_that_there_is_not_is_named(sample: Sample, reported: str, images: Path) -> None:
    message = refused(
        check_samples, tensors(Sample("anna", 1), sample), listed(dataset(images), images), images
    )
    assert reported.format(images=images) in message


def test_a_sample_of_a_subject_left_out_or_bad_is_refused(images: Path) -> None:
    chosen = dataset(images, subjects=["anna", "carla"])
    sample = tensors(Sample("berta", 1))
    assert "none of the 2 in" in refused(check_samples, sample, listed(chosen, images), images)
    (images / "carla/carla_2_mask.tif").unlink()
    message = refused(check_samples, tensors(Sample("carla", 1)), listed(chosen, images), images)
    assert "tensors.samples[0] names a subject that cannot be used" in message
    assert "carla_2.tif has no mask" in message
    check_samples(tensors(Sample("anna", 1)), listed(chosen, images), images)


def test_calibration_needs_two_subjects_and_a_share(images: Path) -> None:
    given = dataset(images)
    check_calibration(given, ("anna", "berta", "carla"), images)
    check_calibration(given, ("anna", "carla"), images)
    message = refused(check_calibration, given, ("anna",), images)
    assert "has 1 subject, of which dataset.calibration_fraction 0.2 leaves none" in message


def test_a_data_set_that_is_not_here_yet_is_not_looked_at(tmp_path: Path) -> None:
    kaggle = resolve_config({"dataset": {"source": "kaggle"}}).dataset
    check_samples(tensors(Sample("anyone", 1)), None, tmp_path / "absent")
    check_calibration(kaggle, None, tmp_path / "absent")


@pytest.mark.parametrize(
    ("fraction", "subjects", "message"),
    [
        (0.0, ("a", "b", "c"), r"dataset\.search_fraction is 0; set it, e\.g\. to 0\.2"),
        (0.2, ("a", "b"), r"has 2 subjects, of which dataset\.search_fraction 0\.2 leaves none"),
    ],
)
def test_a_search_without_subjects_is_refused(fraction, subjects, message):
    dataset = resolve_config({"dataset": {"search_fraction": fraction}}).dataset
    with pytest.raises(SegtrtError, match=message):
        check_search(dataset, subjects, Path("images"))


def test_a_search_with_subjects_or_with_ones_yet_to_come_is_not():
    dataset = resolve_config({"dataset": {"search_fraction": 0.2}}).dataset
    check_search(dataset, ("a", "b", "c"), Path("images"))
    check_search(dataset, None, Path("images"))
