"""How sure a loss is: a paired bootstrap interval over subjects."""

from collections.abc import Sequence

import numpy as np

from segtrt.quality.means import Figure
from segtrt.quality.scores import Interval

LEVEL = 0.95
"""Confidence level."""

RESAMPLES = 9999
SEED = 0

_BYTES_AT_ONCE = 64 * 2**20


def paired_losses(
    own: Sequence[Figure], reference: Sequence[Figure], *, higher_is_better: bool
) -> list[float]:
    """What each subject lost against the reference, for those with both figures.

    Args:
        own: the engine's figure of each subject.
        reference: the reference's of the same subjects, in the same order.
        higher_is_better: the metric's direction.
    """
    sign = 1 if higher_is_better else -1
    return [
        sign * (theirs - mine)
        for mine, theirs in zip(own, reference, strict=True)
        if mine is not None and theirs is not None
    ]


def loss_interval(losses: Sequence[float]) -> Interval | None:
    """The 95 % interval of the mean of paired losses: bootstrap, bias-corrected and accelerated.

    An engine and the reference segment the same subjects, so pairs are resampled, that is, their
    differences: how well one subject can be segmented at all is no part of the interval. Source: B.
    Efron, Journal of the American Statistical Association 82 (1987) 171-185, as SciPy computes it.

    Args:
        losses: one for each subject (`paired_losses`).

    Returns:
        The interval, the same for the same losses; where all are equal, of no width. None for
        fewer than two subjects and for an infinite loss, which give none.
    """
    values = np.asarray(losses, np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    if values.min() == values.max():  # the acceleration would be 0 / 0
        return Interval(float(values[0]), float(values[0]))
    from scipy.stats import bootstrap

    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, _BYTES_AT_ONCE // values.nbytes),
        confidence_level=LEVEL,
        method="BCa",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Interval(float(found.low), float(found.high))
