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
    """A note for each operation with weights that does not compute in the precision asked for."""
    others = Counter(
        (layer.kind, layer.dtype)
        for layer in layers
        if "conv" in layer.kind.lower() and layer.dtype != precision
    )
    return [
        f"{count} {kind} layers compute in {dtype}, not in {precision}"
        for (kind, dtype), count in sorted(others.items())
    ]
