"""Types of the arrays that pass between modules; in quotes, so that naming one imports no NumPy."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Images: TypeAlias = "NDArray[np.float32]"
"""Network input: (patches, channels, *size) float32."""

Outputs: TypeAlias = "NDArray[np.float32]"
"""Network output: (patches, classes, *output size) float32."""
