"""Augmentation: geometry by hand, masks move with images, and seeds."""

import math

import pytest
import torch
from segtrt.training.augmentation import Ranges, augment, sampling_matrices
from torch.nn import functional

STILL = Ranges(rotation_degrees=0, scale=0, gain=0, offset=0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def warp(image: torch.Tensor, sign: float, angle: float, factor: float) -> torch.Tensor:
    matrices = sampling_matrices(*(torch.tensor([value]) for value in (sign, angle, factor)))
    grid = functional.affine_grid(matrices, [1, 1, *image.shape], align_corners=False)
    return functional.grid_sample(image[None, None], grid, mode="nearest", align_corners=False)[
        0, 0
    ]


def test_without_ranges_slices_are_flipped_or_left_alone() -> None:
    images = torch.randn(32, 3, 16, 16)
    masks = (torch.rand(32, 1, 16, 16) > 0.5).float()
    moved, moved_masks = augment(images, masks, seeded(0), STILL)
    flipped = 0
    for image, mask, new, new_mask in zip(images, masks, moved, moved_masks, strict=True):
        turned = not torch.equal(mask, new_mask)
        flipped += turned
        torch.testing.assert_close(new, image.flip(-1) if turned else image, atol=1e-4, rtol=0)
        assert torch.equal(new_mask, mask.flip(-1) if turned else mask)
    assert 6 <= flipped <= 26


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_quarter_turns_go_clockwise(quarter: int) -> None:
    image = torch.arange(64.0).reshape(8, 8)
    turned = warp(image, 1.0, quarter * math.pi / 2, 1.0)
    assert torch.equal(turned, torch.rot90(image, -quarter))


def test_factor_enlarges_and_flip_comes_on_the_sources_side() -> None:
    image = torch.zeros(16, 16)
    image[6:10, 4:8] = 1
    assert float(warp(image, 1.0, 0.0, 2.0).sum()) == 4 * 16
    turned = warp(image, -1.0, math.pi / 2, 1.0)
    assert torch.equal(turned, torch.rot90(image.flip(-1), -1))


def test_masks_stay_binary_and_move_with_the_image() -> None:
    masks = torch.zeros(16, 1, 64, 64)
    masks[:, :, 20:44, 14:34] = 1
    moved, moved_masks = augment(
        masks.repeat(1, 3, 1, 1), masks, seeded(1), Ranges(gain=0, offset=0)
    )
    assert set(moved_masks.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(moved_masks, masks)
    differ = ((moved > 0.5).float() != moved_masks).float().mean()
    assert float(differ) < 0.01


def test_intensity_changes_stay_in_their_ranges() -> None:
    images = torch.ones(64, 3, 4, 4)
    ranges = Ranges(rotation_degrees=0, scale=0, gain=0.2, offset=0.3)
    moved, _ = augment(images, torch.zeros(64, 1, 4, 4), seeded(2), ranges)
    values = moved[:, :, 0, 0]
    assert float(values.min()) >= 0.5 - 1e-5
    assert float(values.max()) <= 1.5 + 1e-5
    assert len(values.flatten().unique()) > 100
    assert float(values.std()) > 0.1


def test_the_seed_decides() -> None:
    images, masks = torch.randn(4, 3, 16, 16), torch.ones(4, 1, 16, 16)
    first, again, other = (augment(images, masks, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
