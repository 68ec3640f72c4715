"""Settings of where images are and what becomes of them."""

import datetime
from typing import Any

import pytest
import yaml
from segtrt.config.resolve import resolve_config
from segtrt.config.settings import WindowSettings
from segtrt.config.typed import as_json
from segtrt.errors import SegtrtError
from segtrt.graphs.sample import Sample


def refused(**groups: Any) -> str:
    with pytest.raises(SegtrtError) as caught:
        resolve_config(groups)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "source", "path"),
    [
        ({}, "demo", None),
        ({"path": "scans"}, "path", "scans"),
        ({"images": "{item}.png", "masks": "m/{item}.png"}, "path", "."),
        ({"images": "{item}.png", "masks": None, "path": "scans"}, "path", "scans"),
        ({"source": "kaggle"}, "kaggle", None),
        ({"source": "kaggle", "masks": None}, "kaggle", None),
        ({"source": "nnunet", "path": "Task01"}, "nnunet", "Task01"),
    ],
)
def test_a_path_or_patterns_say_where_images_come_from(
    given: dict[str, Any], source: str, path: str | None
) -> None:
    dataset = resolve_config({"dataset": given}).dataset
    assert (dataset.source, dataset.path) == (source, path)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"source": "path"}, "dataset.path is None, but dataset.source is path: name the folder"),
        ({"source": "nnunet"}, "dataset.path is None, but dataset.source is nnunet"),
        (
            {"source": "demo", "images": "{item}.png"},
            "dataset.images is '{item}.png', but dataset.source is demo, which has its own",
        ),
        ({"source": "nnunet", "path": "x", "channels": ["a"]}, "dataset.channels is ['a'], but"),
        ({"images": "{item}.png"}, "dataset.masks is '{subject}/{subject}_{item}_mask.tif': it"),
        ({"images": "a.png", "masks": None}, "has no wildcard"),
        ({"images": "/{item}.png", "masks": None}, "is absolute"),
        ({"labels": {255: "a", 1: "a"}}, "expected a different name for each value"),
        ({"labels": {"1": "a", "x": "b"}}, "dataset.labels has the name 'x'"),
        ({"labels": {70000: "a"}}, "70000 is no mask's value"),
        ({"labels": {}}, "expected 1 to 254 values"),
        ({"ignored": 255}, "255 is to be ignored and is a class"),
    ],
)
def test_patterns_and_labels_that_cannot_work_are_refused(
    dataset: dict[str, Any], message: str
) -> None:
    assert message in refused(dataset=dataset)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"normalisation": "slices"}, "tensors.normalisation is 'slices', allowed: slice | volume"),
        ({"normalisation": "slice", "mean": [1]}, "slice has no use for mean"),
        ({"normalisation": "zscore", "mean": [1]}, "has one of mean and std"),
        ({"normalisation": "scale", "range": [2, 1]}, "goes from 2.0 to 1.0"),
        ({"window": {"size": [8]}}, "tensors.window.size is [8]"),
        ({"window": {"size": [8, 8], "overlap": 1}}, "tensors.window.overlap is 1"),
        ({"size": [8]}, "tensors.size is [8]"),
        ({"axis": 3}, "tensors.axis is 3"),
        ({"spacing": [1, 0]}, "tensors.spacing[1] is 0"),
    ],
)
def test_preparations_that_cannot_work_are_refused(tensors: dict[str, Any], message: str) -> None:
    assert message in refused(tensors=tensors)


def test_all_of_it_is_typed_and_goes_to_json_and_back() -> None:
    given = yaml.safe_load("""
dataset: {images: "{subject}_{channel}.nii.gz", masks: "seg/{subject}.nii.gz", channels: [a, b],
          labels: {10: liver, 2: tumour}, ignored: 9}
tensors: {normalisation: scale, mean: [0, 1], std: [1, 2], range: [-100, 400], size: [32, 32, 32],
          fit: pad, spacing: [1, null, 2], window: {size: [16, 16, 16]},
          samples: [{subject: p1}, {subject: p2, item: x, patch: 3}, {subject: p3, slice: 0}]}
""")
    settings = resolve_config(given)
    assert settings.dataset.labels == {2: "tumour", 10: "liver"}
    assert list(settings.dataset.labels) == [2, 10]
    assert settings.tensors.window == WindowSettings((16, 16, 16), 0.25, "constant")
    assert settings.tensors.spacing == (1.0, None, 2.0)
    assert settings.tensors.mean == (0.0, 1.0)
    assert settings.tensors.samples == (
        Sample("p1"),
        Sample("p2", item="x", patch=3),
        Sample("p3", 0),
    )
    assert "samples" not in settings.tensors.encoding
    assert resolve_config(as_json(settings)) == settings


def test_what_arrives_as_text_means_the_same() -> None:
    """`--config` gives every scalar as text, names of labels too."""
    text = "{labels: {1: a, 2: b}, path: x, images: '{item}.png', masks: null, ignored: 7}"
    typed, plain = (
        resolve_config({"dataset": yaml.load(text, loader)})
        for loader in (yaml.SafeLoader, yaml.BaseLoader)
    )
    assert typed == plain


@pytest.mark.parametrize("name", [7, 1.5, True, datetime.date(2019, 5, 2)])
def test_names_that_yaml_takes_for_something_else_are_to_be_quoted(name: object) -> None:
    message = refused(dataset={"path": "x", "subjects": ["a", name]})
    assert f"dataset.subjects[1] is {name!r}, allowed: string" in message
    assert "put it in quotes, as YAML takes it for something else" in message
    assert "quotes" in refused(tensors={"samples": [{"subject": name}]})
