"""Pictures of views, and outlines on them, from prepared images and answers."""

import io
import json

import numpy as np
import pytest
from example_shards import Item, answer, write_shard
from PIL import Image
from segtrt.data.labels import Labels
from segtrt.data.prepared import Prepared
from segtrt.errors import SegtrtError
from segtrt.quality.decode import Decoder
from segtrt.quality.scores import Errors, Figures, SubjectScore, View
from segtrt.summary import overlays
from segtrt.summary.overlays import planes_of_image, webp, write_overlays

ERRORS = Errors(1, 1, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1, 0, 0.0, 0)
DECODER = Decoder("sigmoid", 0.5)


def figures(subjects, views):
    """Figures of which only subjects and views matter here."""
    return Figures(ERRORS, ERRORS, None, None, 1, tuple(subjects), tuple(views))


def score(subject, figure=0.9, flipped=1):
    return SubjectScore(subject, "evaluation", 3, figure, (), 1.0, figure, flipped)


def write(folder, scores, **changes):
    settings = {
        "subjects": 3,
        "views": 6,
        "channel": None,
        "higher_is_better": True,
        "largest_component": DECODER.largest_component,
        **changes,
    }
    write_overlays(
        folder / "o",
        tensor_shards=[folder / "t"],
        reference_shards=[folder / "r"],
        scores=scores,
        **settings,
    )
    return json.loads((folder / "o/index.json").read_text())


@pytest.fixture
def slices(tmp_path):
    """Three slices of `a`, something on the last two."""
    mask = np.zeros((3, 60, 80), np.uint8)
    mask[1:, 10:30, 20:40] = 1
    images = np.zeros((3, 3, 60, 80), np.float32)
    images[:, 1, 5:50, 5:50] = 1
    items = [Item("a", str(n + 1), "evaluation", mask[n], images[n]) for n in range(3)]
    write_shard(tmp_path / "t", items, Labels.of({255: "tumour"}))
    outputs = [one[np.newaxis].astype(np.float32) for one in mask]
    answer(tmp_path / "r", tmp_path / "t", outputs, DECODER)
    return tmp_path


def engine(name):
    views = [View("a", str(n), None, int(n == 3), 0, {"1": name}) for n in (1, 2, 3)]
    return figures([score("a")], views)


def test_pictures_and_outlines_are_written_once_for_all_engines(slices):
    index = write(slices, {name: engine(name) for name in ("x", "y")})
    assert list(index["views"]) == ["a/2", "a/3"]  # there is nothing on slice 1
    view = index["views"]["a/2"]
    assert view["truth"] == view["reference"]
    assert list(view["truth"]) == ["1"]
    assert (view["width"], view["height"], view["plane"]) == (160, 120, None)
    assert list(index["engines"]) == ["x", "y"]
    assert index["engines"]["y"]["outlines"] == {"a/2": {"1": "y"}, "a/3": {"1": "y"}}
    assert index["engines"]["x"]["differs"] == [{"view": "a/3", "flipped_pixels": 1}]
    assert (index["classes"], index["channel"]) == (["tumour"], 1)
    pictures = list((slices / "o").glob("*.webp"))
    assert len(pictures) == 2
    grey = np.asarray(Image.open(pictures[0]).convert("L"))
    assert grey.shape == (60, 80)
    assert (grey[20, 20], grey[55, 70]) == pytest.approx((255, 0), abs=12)


def test_another_channel_is_shown_if_it_is_there(slices):
    index = write(slices, {"x": engine("x")}, channel=0)
    assert index["channel"] == 0
    grey = np.asarray(Image.open(slices / "o" / index["views"]["a/2"]["image"]).convert("L"))
    assert grey.max() < 12
    with pytest.raises(SegtrtError, match=r"display_channel is 3, .* 3 channels; expected 0 to 2"):
        write(slices, {"x": engine("x")}, channel=3)


def test_pictures_that_are_too_large_together_are_left_out_and_counted(slices, monkeypatch):
    sizes = write(slices, {"x": engine("x")})["views"]
    first = (slices / "o" / sizes["a/2"]["image"]).stat().st_size
    monkeypatch.setattr(overlays, "MOST_BYTES", first)
    index = write(slices, {"x": engine("x")})
    assert (list(index["views"]), index["dropped"]) == (["a/2"], 1)
    assert index["engines"]["x"]["subjects"][0]["views"] == ["a/2"]
    assert index["engines"]["x"]["differs"] == []
    assert list(index["engines"]["x"]["outlines"]) == ["a/2"]
    assert len(list((slices / "o").glob("*.webp"))) == 1


def test_volumes_are_shown_by_their_telling_slices_without_truth_by_the_references(tmp_path):
    grid = np.zeros((1, 40, 32, 32), np.float32)
    grid[:, 10:14, 8:16, 8:16] = 1
    item = Item("v", "v", "evaluation", None, grid)
    write_shard(tmp_path / "t", [item], None)
    answer(tmp_path / "r", tmp_path / "t", [grid], DECODER)
    views = [View("v", "v", plane, int(plane == 30), 0, {}) for plane in range(40)]
    index = write(tmp_path, {"x": figures([score("v", None)], views)}, views=3)
    assert list(index["views"]) == ["v/v/10", "v/v/12", "v/v/13", "v/v/30"]
    assert {view["truth"] is None for view in index["views"].values()} == {True}
    assert [list(view["reference"]) for view in index["views"].values()] == [["1"]] * 3 + [[]]
    assert index["classes"] == ["class 1"]


def test_an_image_is_put_together_from_its_patches(tmp_path):
    image = np.random.default_rng(0).random((2, 30, 40)).astype(np.float32)
    item = Item("a", "a", "evaluation", None, image, patch=(16, 16), overlap=0.5)
    write_shard(tmp_path / "t", [item], None)
    with Prepared(tmp_path / "t") as shard:
        found = planes_of_image(shard, shard.items[0], 1)
    assert found.shape == (1, 30, 40)
    assert np.allclose(found[0], image[1], rtol=1e-6)


@pytest.mark.parametrize("image", [np.zeros((256, 256)), np.linspace(-2, 5, 65536)])
def test_a_picture_spans_the_grey_scale(image):
    picture = Image.open(io.BytesIO(webp(image.reshape(256, 256).astype(np.float32))))
    assert picture.size == (256, 256)
    grey = np.asarray(picture.convert("L"))
    assert grey.min() <= 3  # the format rounds
    assert grey.max() <= 3 if not image.any() else grey.max() > 250


def test_a_large_picture_is_reduced():
    picture = Image.open(io.BytesIO(webp(np.zeros((500, 1000), np.float32))))
    assert picture.size == (384, 192)
