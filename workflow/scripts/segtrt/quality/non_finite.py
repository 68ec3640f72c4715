"""Values that are infinite or not numbers, and the slice that has them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrt.data.shards import SliceRef
from segtrt.errors import SegtrtError


def find_non_finite(values: NDArray[np.float32], refs: Sequence[SliceRef]) -> str:
    """The first slice with values that are infinite or not numbers, and how many; or empty.

    Args:
        values: (slices, *size) float32.
        refs: the slices.
    """
    bad = np.count_nonzero(~np.isfinite(values), axis=tuple(range(1, values.ndim)))
    if not bad.any():
        return ""
    ref = refs[int(np.argmax(bad > 0))]
    return (
        f"slice {ref.number} of {ref.subject} (of {np.count_nonzero(bad)} such slices): "
        f"{bad.sum()} values are infinite or not numbers"
    )


def not_comparable(reference: Path, fault: str) -> SegtrtError:
    """The refusal of PyTorch's probabilities in which `find_non_finite` found a fault."""
    return SegtrtError(
        f"{reference}, {fault}, so nothing can be compared with it; check model.weights, then "
        "delete the file and run the workflow again"
    )
