"""Random changes to training patches: flip, rotation, scale and intensity, a batch at a time."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Ranges:
    """How far patches are changed; each change is drawn evenly from its range, per patch."""

    rotation_degrees: float = 15.0
    """At most this far, either way."""
    scale: float = 0.1
    """Size changes by a factor of 1 - scale to 1 + scale."""
    gain: float = 0.1
    """Each channel is multiplied by 1 - gain to 1 + gain."""
    offset: float = 0.1
    """Each channel is raised by -offset to offset, in standard deviations of the image."""


def augment(
    images: "Tensor", masks: "Tensor", generator: "Generator", ranges: Ranges | None = None
) -> "tuple[Tensor, Tensor]":
    """Change each patch of a batch at random, its labels with it.

    Patches are flipped left to right (half of them), rotated and scaled about their centre, volumes
    within their slices alone, and each channel's contrast and brightness are changed. They are not
    flipped upside down: scans all lie the same way up. What comes in from outside a patch repeats
    its border in the image and is background in the labels.

    Args:
        images: (n, channels, *size) float32, 2-D or 3-D.
        masks: (n, 1, *size) float32, labels.
        generator: on the CPU; random numbers are drawn there, so that they are the same whatever
            device the batch is on.
        ranges: how far.

    Returns:
        Images and labels of the same shapes and types; no label is new.
    """
    import torch
    from torch.nn import functional

    ranges = ranges or Ranges()
    count, channels = images.shape[:2]

    def drawn(*shape: int) -> "Tensor":
        """Even in -1..1, on the images' device."""
        return (2 * torch.rand(shape, generator=generator) - 1).to(images.device)

    sign = torch.where(drawn(count) < 0, -1.0, 1.0)
    angle = drawn(count) * math.radians(ranges.rotation_degrees)
    factor = 1 + drawn(count) * ranges.scale
    each = (count, channels, *(1 for _ in images.shape[2:]))
    gain = 1 + drawn(*each) * ranges.gain
    offset = drawn(*each) * ranges.offset

    matrices = sampling_matrices(sign, angle, factor)
    if images.ndim == 5:
        matrices = within_slices(matrices)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    moved = functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    moved_masks = functional.grid_sample(
        masks, grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    return moved * gain + offset, moved_masks


def sampling_matrices(sign: "Tensor", angle: "Tensor", factor: "Tensor") -> "Tensor":
    """Matrices (n, 2, 3) for `affine_grid`: where in the source each target pixel is taken from.

    Args:
        sign: (n,) -1 flips left to right, 1 does not.
        angle: (n,) rotation in radians, clockwise on screen (y points down).
        factor: (n,) enlargement.
    """
    import torch

    cosine, sine = torch.cos(angle) / factor, torch.sin(angle) / factor
    zero = torch.zeros_like(angle)
    rows = (
        torch.stack((sign * cosine, sign * sine, zero), dim=1),
        torch.stack((-sine, cosine, zero), dim=1),
    )
    return torch.stack(rows, dim=1)


def within_slices(matrices: "Tensor") -> "Tensor":
    """Matrices (n, 3, 4) that do to each slice of a volume what (n, 2, 3) do to an image."""
    import torch

    volumes = torch.zeros(len(matrices), 3, 4, device=matrices.device)
    volumes[:, :2, :2] = matrices[:, :, :2]
    volumes[:, :2, 3] = matrices[:, :, 2]
    volumes[:, 2, 2] = 1
    return volumes
