"""Types of the arrays that pass between modules; in quotes, so that naming one imports no NumPy."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Images: TypeAlias = "NDArray[np.float32]"
"""Network input: (n, 3, 256, 256) float32, z-scored."""

Probabilities: TypeAlias = "NDArray[np.float32]"
"""Network output: (n, 1, 256, 256) float32 in 0..1."""

Masks: TypeAlias = "NDArray[np.bool_]"
"""Masks of some slices, (n, height, width) bool."""
