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
from segtrt.data.own_code import CODE
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
    folder: Path, spec: NetworkSpec, known: Form, tensors: Mapping[str, Any], **more: Any
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
        **more,
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


def test_a_function_of_ones_own_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by an absolute path, of which nothing is kept, and needed no longer."""
    home = tmp_path / "home_of_alice"
    home.mkdir()
    own = home / "own.py"
    own.write_text("def scale(image):\n    return (image / 100).astype('float32')\n")
    pictures(tmp_path / "images")
    run = tmp_path / "run"
    run.mkdir()
    known = form("{item}.png", None, tmp_path / "images")
    (shard,) = list_folder(tmp_path / "images", run, form=known)
    tensors = {"normalisation": f"{own}:scale"}
    describe(run, GREY, known, tensors, code=run / CODE)
    made = encode(shard, tmp_path / "images", run / "tensors", tensors, GREY, None)
    own.unlink()
    monkeypatch.chdir("/")
    found = read_segmentation(run / "segmentation.json")
    with Prepared(made) as shown:
        assert shown.preparation["normalisation"] == "own.py:scale"
        image = np.asarray(Image.open(tmp_path / "images/0.png"))[np.newaxis]
        np.testing.assert_array_equal(
            found.preparation.prepare(image).image[np.newaxis], shown.images(0, 1)
        )
    for path in run.rglob("*"):
        assert path.is_dir() or b"home_of_alice" not in path.read_bytes(), path


def test_a_function_whose_file_is_gone_is_reported(tmp_path: Path) -> None:
    pictures(tmp_path / "images")
    known = form("{item}.png", None, tmp_path / "images")
    list_folder(tmp_path / "images", tmp_path, form=known)
    write_spec(GREY, (), tmp_path / "network.json")
    with pytest.raises(SegtrtError, match=r"but there is no file gone\.py in"):
        describe_segmentation(
            tmp_path / "manifest.json",
            tmp_path / "network.json",
            tmp_path / "segmentation.json",
            layout=known.layout,
            labels=known.labels,
            tensors=encoding_settings({"normalisation": "gone.py:scale"}),
            decoding=USUAL,
            largest_component=False,
            code=tmp_path / CODE,
        )
    assert not (tmp_path / "segmentation.json").exists()


def pictures(folder: Path) -> None:
    """Two grey images of a size that the network takes."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        values = rng.integers(0, 256, (32, 48), np.uint8)
        Image.fromarray(values).save(folder / f"{number}.png")
