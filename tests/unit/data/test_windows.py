"""Windows against MONAI's sliding-window inference, and the memory that stitching needs."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from segtrt.data.windows import Patches, Stitcher, Window, cut_into
from segtrt.errors import SegtrtError

Array = NDArray[np.float32]


def network(patch: Array) -> Array:
    """(channels, *size) -> (2, *size); depends on where in the patch a pixel lies, and how bright
    the patch is, so that overlapping patches disagree."""
    size = patch.shape[1:]
    ramp = np.arange(np.prod(size)).reshape(size) / np.prod(size)
    return np.stack([patch[0] + ramp * patch.mean(), np.sin(3 * ramp) - patch[-1] * ramp]).astype(
        np.float32
    )


def stitched(image: Array, patches: Patches, batch: int) -> Array:
    """The whole way, with batches of `batch` patches."""
    cut = [network(patch) for patch in patches.cut(image)]
    assert len(cut) == len(patches)
    stitcher = Stitcher(patches, 2)
    slabs = []
    for begin in range(0, len(cut), batch):
        slabs += stitcher.add(np.stack(cut[begin : begin + batch]))
    assert stitcher.missing == 0
    return np.concatenate(slabs, axis=1)


def by_monai(image: Array, window: Window) -> Array:
    import torch
    from monai.inferers import sliding_window_inference

    def predict(batch: Any) -> Any:
        return torch.from_numpy(np.stack([network(patch) for patch in batch.numpy()]))

    result: Array = sliding_window_inference(
        torch.from_numpy(image)[None],
        window.size,
        sw_batch_size=3,
        predictor=predict,
        overlap=window.overlap,
        mode=window.blend,
    )[0].numpy()
    return result


@st.composite
def cases(draw: st.DrawFn) -> tuple[Array, Window, int]:
    axes = draw(st.sampled_from([2, 3]))
    longest = 24 if axes == 2 else 12
    size = draw(st.tuples(*[st.integers(1, longest)] * axes))
    sides = draw(st.tuples(*[st.integers(2, longest)] * axes))
    overlap = draw(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.6, 0.75, 0.9]))
    window = Window(sides, overlap, draw(st.sampled_from(["constant", "gaussian"])))
    image = np.random.default_rng(draw(st.integers(0, 999))).normal(size=(2, *size))
    return image.astype(np.float32), window, draw(st.integers(1, 7))


@given(cases())
@settings(max_examples=80, deadline=None)
def test_stitching_equals_monai(case: tuple[Array, Window, int]) -> None:
    image, window, batch = case
    patches = cut_into(image.shape[1:], len(window.size), None, window)
    result = stitched(image, patches, batch)
    assert result.shape == (2, *image.shape[1:])
    np.testing.assert_allclose(result, by_monai(image, window), atol=1e-5)


@pytest.mark.parametrize("blend", ["constant", "gaussian"])
def test_a_larger_volume_equals_monai(blend: Any) -> None:
    image = np.random.default_rng(4).normal(size=(1, 61, 50, 47)).astype(np.float32)
    window = Window((32, 32, 64), 0.5, blend)
    patches = cut_into(image.shape[1:], 3, None, window)
    np.testing.assert_allclose(stitched(image, patches, 4), by_monai(image, window), atol=1e-5)


def test_slices_of_a_volume_are_images_one_by_one() -> None:
    image = np.random.default_rng(2).normal(size=(2, 5, 20, 9)).astype(np.float32)
    window = Window((8, 12), 0.5, "gaussian")
    result = stitched(image, cut_into((5, 20, 9), 2, None, window), 3)
    alone = [stitched(image[:, s], cut_into((20, 9), 2, None, window), 3) for s in range(5)]
    np.testing.assert_array_equal(result, np.stack(alone, axis=1))


@pytest.mark.parametrize(("grid", "axes"), [((7, 5), 2), ((4, 7, 5), 2), ((4, 7, 5), 3)])
def test_without_windows_outputs_stay_exactly_as_they_are(grid: tuple[int, ...], axes: int) -> None:
    image = np.random.default_rng(3).normal(size=(1, *grid)).astype(np.float32)
    patches = cut_into(grid, axes, grid[len(grid) - axes :], None)
    cut = list(patches.cut(image))
    assert {patch.shape for patch in cut} == {(1, *grid[len(grid) - axes :])}
    stack = np.stack(cut, axis=1).reshape(image.shape)
    np.testing.assert_array_equal(stack, image)
    outputs = np.stack([np.concatenate([patch, -patch]) for patch in cut])
    result = np.concatenate(Stitcher(patches, 2).add(outputs), axis=1)
    np.testing.assert_array_equal(result, np.concatenate([image, -image]))


def test_offsets_by_hand() -> None:
    patches = cut_into((10, 3), 2, None, Window((4, 4), 0.5))
    assert list(patches.offsets()) == [(0, 0), (2, 0), (4, 0), (6, 0)]
    assert (patches.padded, patches.margins) == ((10, 4), (0, 0))
    patches = cut_into((9, 2), 2, None, Window((4, 5), 0.25))
    assert patches.starts == ((0, 3, 5), (0,))
    assert patches.margins == (0, 1)
    (patch, *_) = patches.cut(np.ones((1, 9, 2), np.float32))
    assert patch[0, 0].tolist() == [0, 1, 1, 0, 0]


def test_memory_and_slabs_are_bounded_by_a_row_of_windows() -> None:
    """The buffers do not grow with the volume's length, and slabs come as soon as they can."""
    tracked: list[Sequence[int]] = []
    for length in (40, 400):
        patches = cut_into((length, 9, 8), 3, None, Window((8, 8, 8), 0.5))
        stitcher = Stitcher(patches, 30)
        largest = 0
        known = 0
        for index, offset in enumerate(patches.offsets()):
            slabs = stitcher.add(np.ones((1, 30, 8, 8, 8), np.float32))
            known += sum(slab.shape[1] for slab in slabs)
            largest = max([largest, *(slab.shape[1] for slab in slabs)])
            # All above the row that is being filled is out already.
            if index + 1 < len(patches):
                assert known == offset[0]
        assert known == length
        held = [value for value in vars(stitcher).values() if isinstance(value, np.ndarray)]
        tracked.append(sorted(array.size for array in held))
        assert largest <= 8
    assert tracked[0] == tracked[1]
    assert max(tracked[0]) == 30 * 8 * 9 * 8


def test_outputs_that_do_not_belong_are_refused() -> None:
    stitcher = Stitcher(cut_into((8, 8), 2, None, Window((4, 8), 0)), 3)
    with pytest.raises(ValueError, match="expected"):
        stitcher.add(np.zeros((1, 3, 8, 4), np.float32))
    with pytest.raises(ValueError, match="at most 2"):
        stitcher.add(np.zeros((3, 3, 4, 8), np.float32))
    with pytest.raises(ValueError, match="expected"):
        list(cut_into((8, 8), 2, None, None).cut(np.zeros((1, 8, 9), np.float32)))


def test_windows_survive_json() -> None:
    window = Window((32, 48), 0.4, "gaussian")
    assert Window.from_json(json.loads(json.dumps(window.to_json()))) == window


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 4),), "tensors.window.size is"),
        (((4, 4), 1.0), "tensors.window.overlap is 1.0"),
        (((4, 4), -0.1), "tensors.window.overlap is -0.1"),
        (((4, 4), 0.5, "linear"), "tensors.window.blend is 'linear'"),
    ],
)
def test_impossible_windows_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(SegtrtError, match=message):
        Window(*arguments)


def test_items_that_do_not_fit_the_network_are_refused() -> None:
    with pytest.raises(SegtrtError, match="7 x 5 does not fit the network's 8 x 8"):
        cut_into((7, 5), 2, (8, 8), None)
    with pytest.raises(SegtrtError, match="expected 3 numbers"):
        cut_into((7, 5, 5), 3, None, Window((4, 4)))
    with pytest.raises(SegtrtError, match="expected 2 numbers"):
        Patches((7, 5), (4, 4, 4))
