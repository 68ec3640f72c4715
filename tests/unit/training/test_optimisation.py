"""Loss by hand, and the learning rate's way up and down."""

import itertools

import pytest
import torch
from segtrt.training.optimisation import learning_rate_factor, soft_dice_loss


def test_loss_by_hand() -> None:
    probabilities = torch.tensor([[0.5, 1.0], [0.0, 0.25]])
    masks = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    # 1 - (2 * 1.5 + 1) / (1.75 + 2 + 1)
    assert float(soft_dice_loss(probabilities, masks)) == pytest.approx(1 - 4 / 4.75)
    assert float(soft_dice_loss(masks, masks)) == 0
    assert float(soft_dice_loss(torch.zeros(8), torch.zeros(8))) == 0
    assert float(soft_dice_loss(torch.ones(7), torch.zeros(7))) == pytest.approx(1 - 1 / 8)


def test_loss_counts_the_whole_batch_together() -> None:
    masks = torch.zeros(2, 1, 4, 4)
    masks[0, 0, 0, 0] = 1
    found = torch.zeros_like(masks)
    found[1, 0, 0, :] = 1
    assert float(soft_dice_loss(found, masks)) == pytest.approx(1 - 1 / 6)


def test_learning_rate_rises_then_falls() -> None:
    factors = [learning_rate_factor(step, 40) for step in range(40)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert all(later < earlier for earlier, later in itertools.pairwise(factors[3:]))
    # 4 warm-up steps, then a half cosine of 37 parts: half-way between parts 18 and 19.
    assert (factors[21] + factors[22]) / 2 == pytest.approx(0.5)
    assert 0 < factors[-1] < 0.01
    assert learning_rate_factor(0, 1) == 1
