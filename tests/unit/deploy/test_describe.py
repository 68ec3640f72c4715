"""A run's segmentation described from what the run found, against the shards that it made."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from prepared_shards import FORM, TUMOUR, encode, encoding_settings, form, list_folder
from segtrt.data.form import Form
from segtrt.data.prepared import Prepared
from segtrt.deploy.describe import describe_segmentation
from segtrt.deploy.segmentation import Segmentation, read_segmentation
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET
from segtrt.model.spec import NetworkSpec, write_spec
from segtrt.quality.decode import Decoder

USUAL = {"decide": None, "ignored": None}
GREY = replace(UNET, channels=1)


def describe(
    folder: Path, spec: NetworkSpec, known: Form, tensors: Mapping[str, Any]
) -> Segmentation:
    """The description of a data set that `list_folder` listed into `folder`."""
    write_spec(spec, (), folder / "network.json")
    describe_segmentation(
        folder / "manifest.json",
        folder / "network.json",
        folder / "segmentation.json",
        layout=known.layout,
        labels=known.labels,
        tensors=encoding_settings(tensors),
        decoding=USUAL,
        largest_component=False,
    )
    return read_segmentation(folder / "segmentation.json")


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"normalisation": "zscore", "percentiles": [1, 99], "size": [64, 64], "fit": "pad"},
        {"normalisation": "scale", "window": {"size": [32, 32], "overlap": 0.5}},
    ],
)
def test_it_says_what_the_shards_say(tensors: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a", "b"):
        pixels = np.random.default_rng(len(name)).integers(0, 255, (50, 70), np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"images/{name}.png")
    known = form("{item}.png", None)
    (shard,) = list_folder(tmp_path / "images", tmp_path, form=known)
    found = describe(tmp_path, GREY, known, tensors)
    encode(shard, tmp_path / "images", tmp_path / "shard", tensors, GREY, None)
    with Prepared(tmp_path / "shard") as prepared:
        assert found.patch == prepared.patch
        assert found.preparation.to_json() == prepared.preparation
        for item in prepared.items:
            assert found.encoding.cut(item.placement.grid) == item.patches
    assert found.decoder == Decoder("sigmoid")
    assert found.labels.names == ("class 1",)
    assert found.layout.images == "{item}.png"


def test_channels_stand_in_the_order_of_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for channel in ("t2", "t1", "flair"):
        pixels = np.full((32, 32), 7, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/a_{channel}.png")
    known = form("{item}_{channel}.png", None)
    list_folder(tmp_path / "images", tmp_path, form=known)
    assert describe(tmp_path, UNET, known, {}).layout.channels == ("flair", "t1", "t2")


def test_labels_that_are_not_one_a_class_are_refused(project_root: Path, tmp_path: Path) -> None:
    list_folder(project_root / "data/demo/kaggle_3m", tmp_path)
    found = describe(tmp_path, UNET, FORM, {})
    assert found.labels == TUMOUR
    assert found.layout.masks == "{subject}/{subject}_{item}_mask.tif"
    with pytest.raises(SegtrtError, match="distinguishes 3 classes"):
        describe(tmp_path, replace(UNET, classes=3), FORM, {})
