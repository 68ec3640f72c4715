"""Volume preprocessing against the direct computation with NumPy and scikit-image."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from segtrt.data.geometry import VolumeGeometry
from segtrt.data.intensity import Intensity
from segtrt.data.placement import Placement
from segtrt.data.preparation import Preparation
from segtrt.data.volume import find_geometry
from segtrt.errors import SegtrtError


def read_subject(folder: Path, count: int | None = None) -> tuple[NDArray[np.uint8], ...]:
    """The first `count` slices of a real subject."""
    masks = sorted(folder.glob("*_mask.tif"), key=lambda path: int(path.stem.split("_")[-2]))
    images = [mask.with_name(mask.name.replace("_mask", "")) for mask in masks]
    return tuple(
        np.stack([np.array(Image.open(path)) for path in paths[:count]])
        for paths in (images, masks)
    )


def prepared_directly(
    images: NDArray[np.uint8], masks: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Plain NumPy and scikit-image calls, step by step, in float64."""
    from skimage.exposure import rescale_intensity
    from skimage.transform import resize

    volume = np.where(images[1:-1] < images[1:-1].max() * 0.1, 0, images[1:-1])
    occupied = np.argwhere(volume.any(axis=3))
    begin, end = occupied.min(axis=0), occupied.max(axis=0) + 1
    box = tuple(slice(b, e) for b, e in zip(begin, end, strict=True))
    volume, mask = volume[box], masks[1:-1][box]
    spare = [max(volume.shape[1:3]) - size for size in volume.shape[1:3]]
    margins = [(0, 0), *((n // 2, n - n // 2) for n in spare)]
    volume, mask = np.pad(volume, [*margins, (0, 0)]), np.pad(mask, margins)
    constant = {"mode": "constant", "cval": 0, "anti_aliasing": False}
    volume = resize(volume, (len(volume), 256, 256, 3), order=2, **constant)
    mask = resize(mask, (len(mask), 256, 256), order=0, **constant)
    low, high = np.percentile(volume, 10), np.percentile(volume, 99)
    volume = rescale_intensity(volume, in_range=(low, high))
    volume = (volume - volume.mean(axis=(0, 1, 2))) / volume.std(axis=(0, 1, 2))
    return volume.transpose(0, 3, 1, 2), (mask > 0).astype(np.uint8)


@dataclass(frozen=True)
class Volume:
    """A subject's volume as network input."""

    images: NDArray[np.float32]
    """(S', 3, 256, 256)."""
    masks: NDArray[np.uint8]
    """(S', 256, 256), 0 or 1."""
    placement: Placement

    @property
    def geometry(self) -> VolumeGeometry:
        assert self.placement.box is not None
        return self.placement.box

    def restore(self, masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Masks on the volume's own grid."""
        restored: NDArray[np.uint8] = self.placement.restore(masks)
        return restored


def prepare(images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> Volume:
    prepared = Preparation(Intensity("volume"), (256, 256), axis=0).prepare(
        np.moveaxis(images, -1, 0)
    )
    placed = prepared.placement.place_labels((masks != 0).astype(np.uint8))
    return Volume(prepared.image.swapaxes(0, 1), placed, prepared.placement)


def check(images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> Volume:
    untouched = images.copy()
    volume = prepare(images, masks)
    expected, expected_masks = prepared_directly(images, masks)
    assert volume.images.dtype == np.float32
    assert volume.masks.dtype == np.uint8
    assert volume.geometry == find_geometry(images)
    assert volume.images.shape == (volume.geometry.count, 3, 256, 256)
    np.testing.assert_allclose(volume.images, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(volume.masks, expected_masks)
    np.testing.assert_array_equal(images, untouched)
    return volume


def blob(shape: tuple[int, int, int], box: tuple[slice, slice, slice]) -> NDArray[np.uint8]:
    """A noisy bright box on black."""
    images = np.zeros((*shape, 3), np.uint8)
    images[box] = np.random.default_rng(7).integers(60, 250, images[box].shape, dtype=np.uint8)
    return images


def test_real_volume_equals_the_direct_computation(kaggle_folder: Path) -> None:
    images, masks = read_subject(kaggle_folder / "TCGA_CS_4944_20010208", 9)
    volume = check(images, masks)
    assert volume.masks.any()
    assert volume.geometry.side < 256


@pytest.mark.slow
def test_all_real_volumes_equal_the_direct_computation(kaggle_folder: Path) -> None:
    for folder in sorted(path for path in kaggle_folder.iterdir() if path.is_dir()):
        check(*read_subject(folder))


@pytest.mark.slow
def test_real_masks_come_back_within_the_crop_box(kaggle_folder: Path) -> None:
    for folder in sorted(path for path in kaggle_folder.iterdir() if path.is_dir()):
        images, masks = read_subject(folder)
        volume = prepare(images, masks)
        expected = np.zeros_like(masks)
        volume.geometry.crop(expected)[...] = volume.geometry.crop(masks) != 0
        np.testing.assert_array_equal(volume.restore(volume.masks), expected)


@pytest.mark.parametrize(
    "box",
    [
        (slice(2, 5), slice(40, 140), slice(30, 61)),  # taller than wide, an odd margin
        (slice(1, 6), slice(7, 38), slice(100, 250)),  # wider than tall
        (slice(1, 4), slice(20, 120), slice(90, 190)),  # square, no margin
        (slice(0, 7), slice(0, 256), slice(0, 256)),  # nothing to crop
        (slice(3, 4), slice(99, 101), slice(50, 51)),  # a few pixels
    ],
)
def test_synthetic_volumes_equal_the_direct_computation(box: tuple[slice, slice, slice]) -> None:
    images = blob((7, 256, 256), box)
    masks = (images.max(axis=-1) > 200).astype(np.uint8) * 255
    volume = check(images, masks)
    geometry = volume.geometry
    assert geometry.rows == (box[1].start, box[1].stop)
    assert geometry.columns == (box[2].start, box[2].stop)
    assert geometry.slices == (max(1, box[0].start), min(6, box[0].stop))
    restored = volume.restore(volume.masks)
    begin, end = geometry.slices
    np.testing.assert_array_equal(restored[begin:end], masks[begin:end] // 255)
    assert not restored[:begin].any()
    assert not restored[end:].any()


def test_dim_pixels_count_as_background() -> None:
    images = blob((5, 256, 256), (slice(1, 4), slice(50, 150), slice(60, 160)))
    images[2, 10, 10] = int(images[1:-1].max() * 0.1)  # just below a tenth
    masks = np.zeros((5, 256, 256), np.uint8)
    assert check(images, masks).geometry.rows == (50, 150)


def test_first_and_last_slice_do_not_count() -> None:
    images = blob((5, 256, 256), (slice(1, 4), slice(50, 150), slice(60, 160)))
    images[1:4] //= 4
    images[[0, -1]] = 255
    check(images, np.zeros((5, 256, 256), np.uint8))


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_any_mask_within_any_box_comes_back(data: st.DataObject) -> None:
    shape = (data.draw(st.integers(3, 5)), 256, 256)
    ranges = []
    for size in ((1, shape[0] - 1), (0, 256), (0, 256)):
        begin = data.draw(st.integers(size[0], size[1] - 1))
        ranges.append((begin, data.draw(st.integers(begin + 1, size[1]))))
    geometry = VolumeGeometry(shape, *ranges)
    images = np.zeros((*shape, 3), np.uint8)
    geometry.crop(images)[...] = 200
    masks = np.zeros(shape, np.uint8)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    geometry.crop(masks)[...] = rng.integers(0, 2, geometry.crop(masks).shape) * 255
    volume = prepare(images, masks)
    assert volume.geometry == geometry
    np.testing.assert_array_equal(volume.restore(volume.masks * 255), masks)


def test_black_volume_keeps_its_area_and_becomes_zeros() -> None:
    images = np.zeros((4, 256, 256, 3), np.uint8)
    masks = np.zeros((4, 256, 256), np.uint8)
    masks[1, 3, 4] = 255
    volume = prepare(images, masks)
    assert volume.images.shape == (2, 3, 256, 256)
    assert not volume.images.any()
    np.testing.assert_array_equal(volume.restore(volume.masks) * 255, masks)


def test_channel_without_contrast_becomes_zeros() -> None:
    images = blob((4, 256, 256), (slice(0, 4), slice(0, 256), slice(0, 256)))
    images[..., 1] = 100
    volume = prepare(images, np.zeros((4, 256, 256), np.uint8))
    assert not volume.images[:, 1].any()
    assert volume.images[:, 0].std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_slices_are_refused(count: int) -> None:
    images = np.ones((count, 256, 256, 3), np.uint8)
    with pytest.raises(SegtrtError, match=f"at least 3 slices, got {count}"):
        find_geometry(images)


def test_geometry_survives_json() -> None:
    geometry = find_geometry(blob((9, 256, 256), (slice(2, 7), slice(3, 9), slice(1, 255))))
    text = json.dumps(geometry.to_json())
    assert VolumeGeometry.from_json(json.loads(text)) == geometry


@pytest.mark.parametrize(
    "change", [{"rows": [5, 5]}, {"slices": [0, 99]}, {"columns": [-1, 4]}, {"shape": [1, 2]}]
)
def test_impossible_geometry_is_refused(change: dict[str, list[int]]) -> None:
    good = VolumeGeometry((9, 256, 256), (2, 7), (3, 9), (1, 255)).to_json()
    with pytest.raises(ValueError):
        VolumeGeometry.from_json({**good, **change})


def test_masks_of_another_shape_are_not_restored() -> None:
    geometry = VolumeGeometry((9, 256, 256), (2, 7), (3, 9), (1, 255))
    placement = Placement((9, 256, 256), (5, 256, 256), axis=0, box=geometry)
    with pytest.raises(ValueError, match=r"\(5, 256, 256\) expected"):
        placement.restore(np.zeros((4, 256, 256), np.uint8))
