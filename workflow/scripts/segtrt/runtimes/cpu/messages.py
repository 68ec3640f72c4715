"""What runtimes say, in one line."""

from collections import Counter
from collections.abc import Sequence

from segtrt.precision import Precision
from segtrt.runtimes.base import Layer


def last_line(error: Exception) -> str:
    """The last line of a runtime's message: the ones above say where in its source it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def precision_notes(layers: Sequence[Layer], precision: Precision) -> list[str]:
    """A note for each type, other than the one asked for, in which convolutions compute.

    A mix asks for several.
    """
    if precision.is_mix:
        return []
    others: dict[str, Counter[str]] = {}
    for layer in layers:
        if "conv" in layer.kind.lower() and layer.dtype != precision:
            others.setdefault(layer.dtype, Counter())[layer.kind] += 1
    return [
        f"in {dtype} instead of {precision}: "
        + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        for dtype, kinds in sorted(others.items())
    ]
