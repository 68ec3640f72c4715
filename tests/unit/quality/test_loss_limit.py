"""Whether a loss keeps its limit, as measured and with confidence."""

import math

import pytest
from segtrt.quality.failure_words import in_words
from segtrt.quality.failures import Failure
from segtrt.quality.loss_limit import Loss, broken_limit
from segtrt.quality.scores import Interval

WIDE = Loss(0.01, Interval(-0.01, 0.03), 5)


def broken(loss, limit, *, confident):
    return broken_limit(loss, limit, confident=confident, metric="IoU")


def test_the_measured_loss_must_keep_it_either_way():
    for confident in (False, True):
        failure = broken(WIDE, 0.009, confident=confident)
        assert failure == Failure("metric_loss", 0.01, 0.009, of="IoU")


def test_with_confidence_the_worse_end_must_keep_it_too():
    assert broken(WIDE, 0.02, confident=False) is None
    failure = broken(WIDE, 0.02, confident=True)
    assert in_words(failure) == "worse end of the 95 % interval of the loss of IoU 0.03, limit 0.02"
    assert broken(WIDE, 0.03, confident=True) is None


def test_without_an_interval_there_is_no_confidence():
    alone = Loss(0.0, None, 1)
    assert broken(alone, 0.02, confident=False) is None
    assert broken(alone, 0.02, confident=True).figure == "paired_subjects"


@pytest.mark.parametrize("confident", [False, True])
def test_what_is_no_number_keeps_no_limit(confident):
    failure = broken(Loss(math.nan, None, 3), 1.0, confident=confident)
    assert failure.figure == "metric_loss"
