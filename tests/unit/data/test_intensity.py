"""Normalisations against MONAI, plain formulas and the modules they came from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from segtrt.data.intensity import Intensity
from segtrt.data.normalise import normalise_slice
from segtrt.errors import SegtrtError


def image(shape: tuple[int, ...], seed: int = 1) -> NDArray[np.float32]:
    """Half zeros, half positive and negative values."""
    rng = np.random.default_rng(seed)
    values = rng.normal(3, 40, shape).astype(np.float32)
    values[rng.random(shape) < 0.5] = 0
    return values


@given(st.integers(1, 4), st.integers(0, 99))
def test_slices_equal_the_introductions_way(channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 255, (channels, 9, 5, 7)).astype(np.uint8)
    for axis in range(3):
        result = Intensity("slice").normalise(values, axis)
        for place in range(values.shape[axis + 1]):
            plane = np.take(values, place, axis + 1)
            expected = normalise_slice(np.moveaxis(plane, 0, -1))
            np.testing.assert_array_equal(np.take(result, place, axis + 1), expected)
    np.testing.assert_array_equal(
        Intensity("slice").normalise(values[:, 0], None),
        normalise_slice(np.moveaxis(values[:, 0], 0, -1)),
    )


def test_slices_of_other_types_are_stretched_without_steps() -> None:
    values = np.random.default_rng(5).integers(0, 4000, (2, 30, 31)).astype(np.uint16)
    low, high = np.percentile(values, [10, 99])
    clipped = np.clip(values.astype(float), low, high)
    expected = (clipped - clipped.mean()) / clipped.std()
    for typed in (values, values.astype(np.float32), values.astype(np.int32)):
        np.testing.assert_allclose(Intensity("slice").normalise(typed, None), expected, atol=1e-5)
    # uint8 goes the introduction's way, with steps of 1/255 of the range.
    small = (values // 16).astype(np.uint8)
    np.testing.assert_allclose(
        Intensity("slice").normalise(small, None),
        Intensity("slice").normalise(small.astype(np.float32), None),
        atol=0.03,
    )


@pytest.mark.parametrize("nonzero", [False, True])
@pytest.mark.parametrize("fixed", [None, ((5.0,), (20.0,)), ((1.0, 2.0), (3.0, 4.0))])
def test_zscore_equals_monai(nonzero: bool, fixed: Any) -> None:
    from monai.transforms import NormalizeIntensity

    values = image((2, 6, 7, 8))
    mean, std = fixed or (None, None)
    both = None if fixed is None else [list(np.broadcast_to(part, 2)) for part in fixed]
    theirs = NormalizeIntensity(
        subtrahend=None if both is None else both[0],
        divisor=None if both is None else both[1],
        nonzero=nonzero,
        channel_wise=True,
    )(values.copy())
    ours = Intensity("zscore", mean, std, nonzero_only=nonzero).normalise(values, None)
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5, atol=1e-5)


def test_zscore_clips_first_as_nnunet_does_for_ct() -> None:
    values = image((1, 30, 31))
    clipped = np.clip(values.astype(float), -20, 45)
    ours = Intensity("zscore", (4.0,), (9.0,), range=(-20, 45)).normalise(values, None)
    np.testing.assert_allclose(ours, (clipped - 4) / 9, atol=1e-5)
    ours = Intensity("zscore", range=(-20, 45)).normalise(values, None)
    np.testing.assert_allclose(ours, (clipped - clipped.mean()) / clipped.std(), atol=1e-5)


def test_percentiles_are_those_of_each_channels_nonzero_values() -> None:
    values = image((2, 30, 31))
    ours = Intensity("zscore", percentiles=(5, 90), nonzero_only=True).normalise(values, None)
    for channel, result in zip(values, ours, strict=True):
        chosen = channel[channel != 0]
        low, high = np.percentile(chosen, [5, 90])
        mean, std = np.clip(chosen, low, high).mean(), np.clip(chosen, low, high).std()
        expected = np.where(channel == 0, 0, (np.clip(channel, low, high) - mean) / std)
        np.testing.assert_allclose(result, expected, atol=1e-5)


def test_scale_equals_monai() -> None:
    from monai.transforms import ScaleIntensityRange, ScaleIntensityRangePercentiles

    values = image((2, 15, 16))
    theirs = ScaleIntensityRange(-30, 60, 0, 1, clip=True)(values.copy())
    ours = Intensity("scale", range=(-30, 60)).normalise(values, None)
    np.testing.assert_allclose(ours, np.asarray(theirs), atol=1e-6)
    theirs = ScaleIntensityRangePercentiles(2, 95, 0, 1, clip=True, channel_wise=True)(
        values.copy()
    )
    ours = Intensity("scale", percentiles=(2, 95)).normalise(values, None)
    np.testing.assert_allclose(ours, np.asarray(theirs), atol=1e-5)
    plain = Intensity("scale").normalise(values, None)
    assert plain.min(axis=(1, 2)).tolist() == [0, 0]
    assert plain.max(axis=(1, 2)).tolist() == [1, 1]


def test_scale_with_imagenets_figures() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    values = np.random.default_rng(3).integers(0, 256, (3, 8, 9)).astype(np.uint8)
    ours = Intensity("scale", mean, std, range=(0, 255)).normalise(values, None)
    expected = (values.transpose(1, 2, 0) / 255 - mean) / std
    np.testing.assert_allclose(ours, expected.transpose(2, 0, 1), atol=1e-6)


@pytest.mark.parametrize("name", ["slice", "zscore", "scale"])
@pytest.mark.parametrize("value", [0, 7])
def test_no_contrast_gives_zeros(name: str, value: int) -> None:
    for dtype in (np.uint8, np.int16, np.float32):
        flat = np.full((2, 4, 5), value, dtype)
        assert not Intensity(name).normalise(flat, None).any()
    if name != "slice":
        flat = np.full((2, 4, 5), value, np.float32)
        assert not Intensity(name, nonzero_only=True).normalise(flat, None).any()


def test_none_changes_the_type_only() -> None:
    values = np.random.default_rng(3).integers(-900, 3000, (1, 8, 9)).astype(np.int16)
    result = Intensity("none").normalise(values, None)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, values)


FUNCTIONS = """
import numpy as np
def halved(image):
    assert image.dtype == np.uint8
    return image / 2
def in_place(image):
    image[...] = 0
    return image.astype(np.float32)
def whole(image):
    return image
def cut(image):
    return image[:, 1:].astype(np.float32)
def text(image):
    return "no"
def nan(image):
    return image * np.float32("nan")
def large(image):
    return image * 1e300 + 1e300
def broken(image):
    raise RuntimeError("out of\\nbeer")
"""


@pytest.fixture
def functions(tmp_path: Path) -> str:
    """A user's file."""
    path = tmp_path / "way.py"
    path.write_text(FUNCTIONS)
    return str(path)


def test_a_users_function_normalises(functions: str) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    result = Intensity(f"{functions}:halved").normalise(values, None)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, values / 2)
    assert not Intensity(f"{functions}:in_place").normalise(values, None).any()
    assert values.max() == 23


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("whole", r"gives uint8 \(2, 3, 4\); expected a NumPy array of float32 \(2, 3, 4\)"),
        ("cut", r"gives float32 \(2, 2, 4\)"),
        ("text", "gives str"),
        ("nan", "gives 24 values that are not finite"),
        ("large", "gives 24 values that are not finite"),
        ("broken", r"fails on an image of uint8 \(2, 3, 4\) \(RuntimeError: out of beer\)"),
    ],
)
def test_a_users_function_that_is_wrong_is_named(functions: str, name: str, message: str) -> None:
    with pytest.raises(SegtrtError, match=message) as caught:
        Intensity(f"{functions}:{name}").normalise(np.ones((2, 3, 4), np.uint8), None)
    assert f"{functions}:{name}" in str(caught.value)


@pytest.mark.parametrize(
    "intensity",
    [
        Intensity("slice"),
        Intensity("zscore", (1.0,), (2.0,), percentiles=(0.5, 99.5), nonzero_only=True),
        Intensity("scale", range=(0.0, 255.0)),
        Intensity("own.module:function"),
    ],
)
def test_intensities_survive_json(intensity: Intensity) -> None:
    assert Intensity.from_json(json.loads(json.dumps(intensity.to_json()))) == intensity


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"normalisation": "minmax"}, "'minmax'; expected slice, volume, zscore"),
        ({"normalisation": "slice", "mean": [1], "std": [1]}, "no use for mean, std"),
        ({"normalisation": "none", "nonzero_only": True}, "no use for nonzero_only"),
        ({"normalisation": "zscore", "mean": [1]}, "one of mean and std"),
        ({"normalisation": "zscore", "mean": [1], "std": [0]}, "expected above 0"),
        ({"normalisation": "scale", "range": [5, 5]}, "goes from 5.0 to 5.0"),
        ({"normalisation": "scale", "percentiles": [1, 101]}, "within 0 to 100"),
        ({"normalisation": "scale", "range": [0, 1], "percentiles": [1, 2]}, "give one of them"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SegtrtError, match=message):
        Intensity.from_json(settings)


def test_means_must_fit_the_channels() -> None:
    with pytest.raises(SegtrtError, match="2 values of mean for images with 3 channels"):
        Intensity("zscore", (1.0, 2.0), (1.0, 2.0)).normalise(np.ones((3, 4, 4)), None)


def test_what_float32_cannot_hold_is_refused() -> None:
    with pytest.raises(SegtrtError, match="none gives 1 values that are not finite"):
        Intensity("none").normalise(np.array([[[1.0, 1e300]]]), None)
