"""What training minimises, and how far each of its steps goes."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_WARMUP_SHARE = 0.1


def soft_dice_loss(probabilities: "Tensor", masks: "Tensor") -> "Tensor":
    """1 - (2 sum(p m) + 1) / (sum(p) + sum(m) + 1), over a whole batch; in 0..1.

    As the network's authors trained it (mateuszbuda/brain-segmentation-pytorch, smooth = 1), after
    Milletari et al., "V-Net", 3DV 2016. An empty batch without false positives has loss 0.

    Args:
        probabilities: any shape, in 0..1.
        masks: the same shape, 0 or 1.
    """
    overlap = (probabilities * masks).sum()
    return 1 - (2 * overlap + 1) / (probabilities.sum() + masks.sum() + 1)


def learning_rate_factor(step: int, steps: int) -> float:
    """Share of the peak learning rate at `step` of `steps`, counted from 0.

    It rises evenly over the first tenth of the steps, then falls along half a cosine to nearly 0.
    """
    warmup = math.ceil(_WARMUP_SHARE * steps)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step + 1 - warmup) / (steps + 1 - warmup)))
