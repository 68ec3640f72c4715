"""Preparation and the way back, against the modules it takes the place of and direct NumPy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from segtrt.data.intensity import Intensity
from segtrt.data.normalise import normalise_slice
from segtrt.data.placement import Placement
from segtrt.data.preparation import Preparation
from segtrt.data.volume import find_geometry, prepare_images
from segtrt.errors import SegtrtError

NONE = Intensity("none")
VOLUME = Preparation(Intensity("volume"), (256, 256), axis=0)
SLICE = Preparation(Intensity("slice"), axis=0)


def read_subject(folder: Path, count: int | None = None) -> tuple[NDArray[np.uint8], ...]:
    """Images (S, H, W, 3) and masks (S, H, W) of a subject."""
    masks = sorted(folder.glob("*_mask.tif"), key=lambda path: int(path.stem.split("_")[-2]))
    images = [mask.with_name(mask.name.replace("_mask", "")) for mask in masks]
    return tuple(
        np.stack([np.array(Image.open(path)) for path in paths[:count]])
        for paths in (images, masks)
    )


def check_subject(folder: Path, count: int | None = None) -> None:
    """What slices and volumes of the Kaggle layout come to; for volumes see test_volume.py too."""
    images, masks = read_subject(folder, count)
    labels = (masks != 0).astype(np.uint8)
    item = np.moveaxis(images, -1, 0)
    prepared = SLICE.prepare(item)
    assert prepared.placement.slices is None
    for place, image in enumerate(images):
        np.testing.assert_array_equal(prepared.image[:, place], normalise_slice(image))
    np.testing.assert_array_equal(prepared.placement.place_labels(labels), labels)
    np.testing.assert_array_equal(prepared.placement.restore(labels), labels)

    geometry = find_geometry(images)
    prepared, expected = VOLUME.prepare(item), prepare_images(images, geometry, 256)
    np.testing.assert_array_equal(prepared.image, expected.swapaxes(0, 1))
    assert prepared.placement.slices == range(*geometry.slices)
    placed = prepared.placement.place_labels(labels)
    assert placed.shape == (geometry.count, 256, 256)
    kept = np.zeros_like(labels)
    geometry.crop(kept)[...] = geometry.crop(labels)
    np.testing.assert_array_equal(prepared.placement.restore(placed), kept)


def test_the_demo_is_prepared_as_before(project_root: Path) -> None:
    folders = sorted((project_root / "data/demo/kaggle_3m").iterdir())
    check_subject(next(path for path in folders if path.is_dir()))


def test_a_real_patient_is_prepared_as_before(kaggle_folder: Path) -> None:
    check_subject(kaggle_folder / "TCGA_CS_4944_20010208", 9)


@pytest.mark.slow
def test_all_subjects_are_prepared_as_before(kaggle_folder: Path, project_root: Path) -> None:
    for tree in (kaggle_folder, project_root / "data/demo/kaggle_3m"):
        for folder in sorted(path for path in tree.iterdir() if path.is_dir()):
            check_subject(folder)


@st.composite
def ways(draw: st.DrawFn) -> tuple[Preparation, tuple[int, ...], tuple[float, ...]]:
    """Any preparation but `volume`, an item's size, and its spacing."""
    shape = draw(st.lists(st.integers(1, 11), min_size=2, max_size=3))
    axis = draw(st.sampled_from([None, 0, 1, 2])) if len(shape) == 3 else None
    axes = 2 if axis is not None else len(shape)
    size = draw(st.none() | st.tuples(*[st.integers(1, 14)] * axes))
    step = st.sampled_from([0.5, 0.9, 1.0, 1.7])
    spacing = draw(st.none() | st.tuples(*[st.none() | step] * len(shape)))
    fit = draw(st.sampled_from(["linear", "nearest", "area", "pad"]))
    own = draw(st.tuples(*[step] * len(shape)))
    return Preparation(NONE, size, fit, axis, spacing), tuple(shape), own


@given(ways(), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_every_way_back_ends_on_the_items_own_grid(
    way: tuple[Preparation, tuple[int, ...], tuple[float, ...]], seed: int
) -> None:
    preparation, shape, spacing = way
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(2, *shape)).astype(np.float32)
    prepared = preparation.prepare(image, spacing)
    placement = prepared.placement
    assert prepared.image.shape == (2, *placement.grid)
    assert prepared.image.dtype == np.float32
    assert np.isfinite(prepared.image).all()
    labels = rng.integers(0, 4, shape).astype(np.uint8)
    placed = placement.place_labels(labels)
    assert placed.shape == placement.grid
    restored = placement.restore(placed)
    assert (restored.shape, restored.dtype) == (shape, np.uint8)
    assert placement.restore(prepared.image).shape == image.shape
    # Labels stay within what there was, and constants stay constant.
    assert set(np.unique(restored)) <= {0, *np.unique(labels)}
    everywhere = placement.restore(np.full(placement.grid, 3, np.uint8), outside=3)
    assert (everywhere == 3).all()
    level = placement.restore(np.full((1, *placement.grid), 0.25, np.float32), outside=0.25)
    np.testing.assert_allclose(level, 0.25, rtol=1e-6)
    np.testing.assert_array_equal(
        Placement.from_json(json.loads(json.dumps(placement.to_json()))).restore(placed), restored
    )


@given(ways(), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_the_way_back_is_exact_where_no_axis_gets_shorter(
    way: tuple[Preparation, tuple[int, ...], tuple[float, ...]], seed: int
) -> None:
    """Nearest neighbours of nearest neighbours on a finer grid are the pixels themselves."""
    preparation, shape, spacing = way
    labels = np.random.default_rng(seed).integers(0, 4, shape).astype(np.uint8)
    placement = preparation.prepare(labels[np.newaxis], spacing).placement
    sizes = [shape, placement.spaced or shape]
    stacked = list(sizes[-1])
    if placement.axis is not None:
        stacked.insert(0, stacked.pop(placement.axis))
    shorter = np.less(sizes[1], sizes[0]).any() or np.less(placement.grid, stacked).any()
    if not shorter:
        np.testing.assert_array_equal(placement.restore(placement.place_labels(labels)), labels)


@given(st.tuples(*[st.integers(1, 9)] * 3), st.sampled_from([0, 1, 2]))
def test_slices_lie_along_their_axis(shape: tuple[int, int, int], axis: int) -> None:
    image = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    prepared = Preparation(NONE, axis=axis).prepare(image)
    slices = [np.take(image, place, axis + 1) for place in range(shape[axis])]
    np.testing.assert_array_equal(prepared.image, np.stack(slices, axis=1))
    np.testing.assert_array_equal(prepared.placement.restore(prepared.image), image)


@given(st.tuples(*[st.integers(1, 9)] * 2), st.tuples(*[st.integers(1, 9)] * 2))
def test_what_is_cropped_comes_back_as_background(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    prepared = Preparation(NONE, size, "pad").prepare(image)
    rows, columns = (
        (min(s, n), abs(s - n) // 2 if s > n else 0) for s, n in zip(shape, size, strict=True)
    )
    seen = np.zeros(shape, bool)
    seen[rows[1] : rows[1] + rows[0], columns[1] : columns[1] + columns[0]] = True
    back = prepared.placement.restore(prepared.image, outside=-np.inf)
    np.testing.assert_array_equal(back[0], np.where(seen, image[0], -np.inf))
    labels = prepared.placement.restore(np.ones(size, np.uint8))
    np.testing.assert_array_equal(labels, seen)


def test_volumes_are_resampled_to_the_spacing_in_millimetres() -> None:
    """A ball of 20 mm on an anisotropic grid is one on the even grid, and back."""

    def ball(shape: tuple[int, ...], spacing: tuple[float, ...]) -> NDArray[np.uint8]:
        places = [((np.arange(n) + 0.5) * s - 30) ** 2 for n, s in zip(shape, spacing, strict=True)]
        distance = places[0][:, None, None] + places[1][:, None] + places[2]
        return (distance < 20**2).astype(np.uint8)

    own, even = ball((20, 60, 40), (3, 1, 1.5)), ball((30, 30, 30), (2, 2, 2))
    prepared = Preparation(NONE, spacing=(2, 2, 2)).prepare(own[np.newaxis], (3, 1, 1.5))
    assert prepared.placement.grid == even.shape
    labels = prepared.placement.place_labels(own)
    assert np.mean(labels != even) < 0.02
    assert np.abs(prepared.image[0] - even).mean() < 0.03
    restored = prepared.placement.restore(labels)
    assert restored.shape == own.shape
    assert np.mean(restored != own) < 0.03
    kept = Preparation(NONE, spacing=(None, 2, None)).prepare(own[np.newaxis], (3, 1, 1.5))
    assert kept.placement.grid == (20, 30, 40)


def test_spacing_then_slices_then_size() -> None:
    image = np.random.default_rng(0).normal(size=(2, 6, 9, 5)).astype(np.float32)
    way = Preparation(NONE, (16, 12), "pad", axis=1, spacing=(1, 2, 1))
    prepared = way.prepare(image, (2, 1, 2))
    assert prepared.placement.spaced == (12, 4, 10)
    assert prepared.placement.grid == (4, 16, 12)
    assert not prepared.image[:, :, :2].any()
    assert not prepared.image[:, :, :, 11:].any()
    labels = np.random.default_rng(0).integers(0, 3, (4, 16, 12)).astype(np.uint8)
    assert prepared.placement.restore(labels).shape == (6, 9, 5)


def test_means_are_those_of_the_item_not_of_the_padding() -> None:
    image = np.random.default_rng(0).normal(70, 9, (1, 5, 7)).astype(np.float32)
    prepared = Preparation(Intensity("zscore"), (16, 16), "pad").prepare(image)
    inside = prepared.image[0, 5:10, 4:11]
    assert abs(inside.mean()) < 1e-5
    assert abs(inside.std() - 1) < 1e-5
    assert np.count_nonzero(prepared.image) == np.count_nonzero(inside)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_volume_takes_any_axis_type_number_of_channels_and_size(axis: int) -> None:
    rng = np.random.default_rng(3)
    stack = np.zeros((6, 40, 50, 3), np.uint8)
    stack[1:5, 8:29, 10:41] = rng.integers(60, 250, (4, 21, 31, 3))
    stack[2, 15, 20] = 255
    reference = prepare_images(stack, find_geometry(stack), 256)
    item = np.moveaxis(np.moveaxis(stack, -1, 0), 1, axis + 1)
    way = Preparation(Intensity("volume"), (256, 256), axis=axis)
    prepared = way.prepare(item)
    np.testing.assert_array_equal(prepared.image, reference.swapaxes(0, 1))
    # Two bytes instead of one give other units and the same picture.
    wide = way.prepare(item.astype(np.uint16) * 257)
    np.testing.assert_allclose(wide.image, prepared.image, atol=1e-4)
    assert wide.placement == prepared.placement
    # A channel more or less takes part in the percentiles; alike ones do not move them.
    one = way.prepare(item[:1])
    four = way.prepare(np.concatenate([item[:1]] * 4))
    assert (one.image.shape[0], four.image.shape[0]) == (1, 4)
    for channel in four.image:
        np.testing.assert_allclose(channel, one.image[0], atol=1e-5)
    small = Preparation(Intensity("volume"), (32, 32), axis=axis).prepare(item)
    assert small.placement.grid == (4, 32, 32)
    labels = np.moveaxis((stack[..., 0] > 0).astype(np.uint8), 0, axis)
    assert small.placement.restore(small.placement.place_labels(labels)).shape == item.shape[1:]
    np.testing.assert_array_equal(
        prepared.placement.restore(prepared.placement.place_labels(labels)), labels
    )


def test_probabilities_of_a_cropped_volume_come_back_within_the_box() -> None:
    stack = np.zeros((1, 5, 20, 30), np.uint8)
    stack[:, 1:4, 4:14, 5:15] = 200
    prepared = Preparation(Intensity("volume"), (10, 10), axis=0).prepare(stack)
    outputs = np.random.default_rng(0).normal(size=(2, 3, 10, 10)).astype(np.float32)
    back = prepared.placement.restore(outputs, outside=-np.inf)
    np.testing.assert_array_equal(back[:, 1:4, 4:14, 5:15], outputs)
    assert np.isneginf(back).sum() == 2 * (stack.size - stack.astype(bool).sum())


def test_masks_and_flags_are_images_too() -> None:
    image = np.random.default_rng(0).random((1, 5, 7)) > 0.5
    np.testing.assert_array_equal(Preparation(NONE).prepare(image).image, image)


@pytest.mark.parametrize(
    "preparation",
    [
        VOLUME,
        SLICE,
        Preparation(Intensity("zscore", percentiles=(1.0, 99.0)), (8, 9, 7), "pad"),
        Preparation(NONE, axis=2, spacing=(None, 1.5, 2.0)),
    ],
)
def test_preparations_survive_json(preparation: Preparation) -> None:
    assert Preparation.from_json(json.loads(json.dumps(preparation.to_json()))) == preparation


def test_the_way_back_survives_json() -> None:
    stack = np.zeros((3, 6, 20, 30), np.uint8)
    stack[:, 1:4, 3:14, 5:15] = 200
    placement = VOLUME.prepare(stack).placement
    assert Placement.from_json(json.loads(json.dumps(placement.to_json()))) == placement


@pytest.mark.parametrize(
    "change", [{"grid": [4, 5]}, {"shape": [0, 2, 2]}, {"fit": "cubic"}, {"axis": "x"}]
)
def test_metadata_of_something_else_is_refused(change: dict[str, Any]) -> None:
    data = Placement((3, 4, 5), (3, 4, 5)).to_json() | change
    with pytest.raises(ValueError, match=r"."):
        Placement.from_json(data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((NONE, (0, 4)), r"tensors.size is \[0, 4\]"),
        ((NONE, (4, 4), "cubic"), "fitted by cubic; expected linear"),
        ((NONE, None, "linear", 3), "tensors.axis is 3"),
        ((NONE, None, "linear", None, (1, 0, 1)), "tensors.spacing is"),
        ((Intensity("volume"), (8, 8)), "set tensors.axis"),
        ((Intensity("volume"), (8, 9), "linear", 0), r"is \[8, 9\]; expected two equal"),
        ((Intensity("volume"), None, "linear", 0), "is None; expected two equal"),
        ((Intensity("volume"), (8, 8), "linear", 0, (1, 1, 1)), "leave tensors.spacing out"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(SegtrtError, match=message):
        Preparation(*arguments)


@pytest.mark.parametrize(
    ("preparation", "shape", "message"),
    [
        (Preparation(NONE, axis=0), (1, 4, 4), "an image of float32 and size 4 x 4; set it to"),
        (Preparation(NONE, (4, 4)), (1, 4, 4, 4), "expected 3 numbers"),
        (Preparation(NONE, (4, 4, 4), axis=0), (1, 4, 4, 4), "expected 2 numbers"),
        (Preparation(NONE, spacing=(1, 1)), (1, 4, 4, 4), "expected 3 numbers"),
        (Preparation(NONE, spacing=(1, 1)), (1, 4, 4), "has no spacing"),
        (Preparation(Intensity("slice")), (1, 4, 4, 4), "slice is for 2-D networks"),
        (Preparation(NONE), (1, 4, 0), "none empty"),
        (Preparation(NONE), (1, 4), "expected 2 or 3 axes"),
        (VOLUME, (1, 2, 8, 8), "needs at least 3 slices, got 2"),
    ],
)
def test_items_that_do_not_fit_are_refused(
    preparation: Preparation, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(SegtrtError, match=message):
        preparation.prepare(np.ones(shape, np.float32))


def test_values_that_are_no_numbers_are_refused() -> None:
    image = np.ones((1, 4, 4), np.float32)
    image[0, 1, :3] = np.nan, np.inf, -np.inf
    with pytest.raises(SegtrtError, match="3 values that are not finite numbers"):
        Preparation(NONE).prepare(image)
    with pytest.raises(SegtrtError, match="no real numbers"):
        Preparation(NONE).prepare(np.ones((1, 4, 4), np.complex64))
    with pytest.raises(ValueError, match="expected"):
        Placement((4, 4), (4, 4)).restore(np.ones((4, 5), np.uint8))
