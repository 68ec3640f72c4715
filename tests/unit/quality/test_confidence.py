"""Intervals of a loss against SciPy's own, brute force, and data whose mean is known."""

from itertools import product

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import bootstrap
from segtrt.quality.confidence import LEVEL, RESAMPLES, SEED, loss_interval, paired_losses
from segtrt.quality.scores import Interval

LOSSES = (0.0, 0.0004, -0.0011, 0.0052, 0.0007, 0.0173)


def test_it_is_scipys_paired_interval_of_the_difference_of_means():
    rng = np.random.default_rng(3)
    reference = rng.uniform(0.7, 0.95, 12)
    own = reference - rng.gamma(0.6, 0.004, 12)
    expected = bootstrap(
        (own, reference),
        lambda own, reference, axis: np.mean(reference, axis) - np.mean(own, axis),
        paired=True,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        method="BCa",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    found = loss_interval(paired_losses(list(own), list(reference), higher_is_better=True))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_it_is_that_of_all_resamples_there_are():
    """Every one of 6^6 equally likely resamples, instead of a random 9999 of them."""
    losses = np.array(LOSSES)
    means = np.array([np.mean(one) for one in product(losses, repeat=len(losses))])
    mean = losses.mean()
    bias = ndtri(np.mean(means < mean) + np.mean(means == mean) / 2)
    without = np.array([np.delete(losses, place).mean() for place in range(len(losses))])
    apart = without.mean() - without
    acceleration = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)

    def end(share):
        z = bias + ndtri(share)
        return np.quantile(means, ndtr(bias + z / (1 - acceleration * z)))

    expected = end(0.025), end(0.975)
    found = loss_interval(losses)
    width = expected[1] - expected[0]
    assert (found.low, found.high) == pytest.approx(expected, abs=0.03 * width)


def test_nineteen_of_twenty_intervals_hold_the_mean():
    rng = np.random.default_rng(1)
    found = [loss_interval(rng.normal(0.01, 0.02, 40)) for _ in range(100)]
    held = sum(one.low <= 0.01 <= one.high for one in found)
    assert 89 <= held <= 99


def test_fewer_subjects_make_it_wider():
    rng = np.random.default_rng(2)
    losses = rng.normal(0.01, 0.02, 64)
    widths = [one.high - one.low for n in (4, 16, 64) if (one := loss_interval(losses[:n]))]
    assert widths[0] > widths[1] > widths[2]


def test_how_hard_subjects_are_is_no_part_of_it():
    reference = [0.2, 0.5, 0.9, 0.95]
    lost = [0.001, 0.002, 0.001, 0.003]
    own = [one - less for one, less in zip(reference, lost, strict=True)]
    found = loss_interval(paired_losses(own, reference, higher_is_better=True))
    assert 0.001 <= found.low < found.high <= 0.003


def test_of_distances_more_is_a_loss():
    assert paired_losses([3.0, 1.0], [1.0, 2.0], higher_is_better=False) == [2.0, -1.0]
    assert paired_losses([0.5], [0.75], higher_is_better=True) == [0.25]


def test_subjects_without_a_figure_are_no_pairs():
    assert paired_losses([None, 0.5, 0.5], [0.5, None, 0.5], higher_is_better=True) == [0.0]


def test_it_is_the_same_each_time():
    assert loss_interval(LOSSES) == loss_interval(LOSSES)


@pytest.mark.parametrize("losses", [[], [0.01], [0.01, float("inf")], [0.0, float("nan")]])
def test_none_is_made_up_where_there_can_be_none(losses):
    assert loss_interval(losses) is None


@pytest.mark.filterwarnings("error")
def test_where_all_lost_the_same_it_has_no_width():
    assert loss_interval([0.25, 0.25, 0.25]) == Interval(0.25, 0.25)
    assert loss_interval([0.0, 0.0]) == Interval(0.0, 0.0)
