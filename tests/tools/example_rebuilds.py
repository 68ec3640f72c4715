"""What rebuilds of a made-up engine came to; nothing was built."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from segtrt.engines.rebuild_file import Built, Latency, Rebuild
from segtrt.quality.rebuild_scores import RebuildScores
from segtrt.quality.reference_scores import ReferenceScores
from segtrt.quality.scores import Errors, MetricFacts, Quality
from segtrt.summary.rebuilds import rebuild_entry

PIXELS = 48 * 65536


def make_rebuild(
    name: str,
    latency_ms: float,
    *,
    again_ms: float = 1.0,
    flipped: int = 0,
    relative_l2: float = 0.0,
    equal: int = 48,
    digest: str = "0" * 64,
    stable: bool = True,
) -> Rebuild:
    """A rebuild of which 48 patches were compared."""
    errors = Errors(
        *(48, PIXELS, 10 * relative_l2, relative_l2, relative_l2, relative_l2, relative_l2, 0.9999),
        *(PIXELS, flipped, flipped / PIXELS, 0),
    )
    return Rebuild(
        name,
        "0" * 64,
        built=Built(
            engine_sha256=digest,
            engine_bytes=2**24,
            same_bytes=digest == "0" * 64,
            build_ms=5200.0 + 100 * latency_ms,
            latency=Latency(latency_ms, stable),
            proven_latency=Latency(again_ms, True),
            errors=errors,
            equal_patches=equal,
        ),
    )


def make_scores(name: str, metric: MetricFacts, loss: float | None) -> RebuildScores:
    """A rebuild's scores; without any figure where `loss` is None."""
    quality = None
    if loss is not None:
        mean = 0.9 - loss if metric.higher_is_better else 5.0 + loss
        reference = 0.9 if metric.higher_is_better else 5.0
        quality = Quality(
            *(mean, mean, mean, reference, reference, loss, None, 4, (mean,), (reference,))
        )
    return RebuildScores(name, metric, quality)


def example_rebuilds(
    name: str,
    reference: ReferenceScores,
    latency_ms: float,
    rng: np.random.Generator,
    reasons: Sequence[str] = (),
) -> dict[str, Any]:
    """Three rebuilds, each another engine, and one for each reason why it was not built."""
    made = [
        (
            make_rebuild(
                name,
                latency_ms * float(rng.uniform(0.9, 1.2)),
                again_ms=latency_ms * float(rng.uniform(0.98, 1.02)),
                flipped=int(rng.integers(20, 200)),
                relative_l2=float(rng.uniform(1e-4, 1e-3)),
                equal=0,
                digest=hashlib.sha256(f"{name} {number}".encode()).hexdigest(),
                stable=number != 2,
            ),
            make_scores(
                name,
                reference.metric,
                float(rng.uniform(-0.001, 0.002)) if reference.has_truth else None,
            ),
        )
        for number in range(3)
    ]
    nothing = make_scores(name, reference.metric, None)
    made += [(Rebuild(name, "0" * 64, why), nothing) for why in reasons]
    return rebuild_entry(made)
