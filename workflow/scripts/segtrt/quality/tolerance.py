"""What an engine's answers may differ by."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """Limits of an engine's differences; None leaves a figure unchecked."""

    max_abs_error: float | None = None
    """Largest absolute difference of a probability from the reference, over every slice."""
    flipped_fraction: float | None = None
    """Share of the mask pixels of evaluation subjects that differ, 0..1."""
    dice_loss: float | None = None
    """Loss of mean Dice against the ground truth over evaluation subjects, 0..1."""
