"""The proof of precision: in which types an engine's layers compute."""

from collections.abc import Sequence

from segtrt.quality.verdict import PrecisionProof
from segtrt.runtimes.description import Layer


def precision_proof(layers: Sequence[Layer]) -> PrecisionProof | None:
    """In which types an engine computes, by its runtime's own account; None if it gives none."""
    if not layers:
        return None
    known = [x for x in layers if "conv" in x.kind.casefold() and x.dtype != "other"]
    by_flops = bool(known) and all(layer.flops for layer in known)
    return PrecisionProof(
        layers=_shares([(layer.dtype, 1.0) for layer in layers]),
        convolutions=_shares([(x.dtype, x.flops if by_flops else 1.0) for x in known])
        if known
        else None,
        weighed_by="flops" if by_flops else "layers",
    )


def _shares(weights: Sequence[tuple[str, float | None]]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for dtype, weight in weights:
        totals[dtype] = totals.get(dtype, 0.0) + (weight or 0.0)
    whole = sum(totals.values())
    return {dtype: total / whole for dtype, total in sorted(totals.items())}
