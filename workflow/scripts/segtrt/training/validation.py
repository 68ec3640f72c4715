"""How well a network under training does on the subjects that it is not trained on."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from segtrt.progress import track
from segtrt.training.data import TrainingPatches
from segtrt.training.device import memory_format, mixed_precision
from segtrt.training.targets import Targets

if TYPE_CHECKING:
    from torch import nn


def validation_dice(
    network: "nn.Module",
    patches: TrainingPatches,
    targets: Targets,
    subjects: Sequence[str],
    batch_size: int,
) -> float:
    """Mean over the subjects, and their classes, of 2 |A and B| / (|A| + |B|), in 0..1.

    A is where the network finds the class, B where the labels have it, over all of a subject's
    patches; two empty sets agree (1.0). Unlike the scores of engines, it knows no components.
    """
    import torch

    network.eval()
    place = next(network.parameters()).device
    low = mixed_precision(place)
    scores = []
    with torch.inference_mode(), torch.autocast(place.type, low, enabled=low is not None):
        for subject in track(subjects, "validation", len(subjects), "subjects"):
            overlap = area = torch.zeros(targets.classes, dtype=torch.int64, device=place)
            for images, labels in patches.batches(patches.rows([subject]), batch_size):
                inputs = images.to(place, memory_format=memory_format(targets.spec.dimensions))
                found = targets.found(network(inputs))
                truth, counted = targets.truth(labels.to(place), found)
                found = found & counted
                axes = [axis for axis in range(found.ndim) if axis != 1]
                overlap = overlap + (found & truth).sum(axes)
                area = area + found.sum(axes) + truth.sum(axes)
            pairs = zip(overlap.tolist(), area.tolist(), strict=True)
            dice = [2 * both / total if total else 1.0 for both, total in pairs]
            scores.append(math.fsum(dice) / len(dice))
    return math.fsum(scores) / len(scores)
