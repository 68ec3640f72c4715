"""Failures in words."""

import pytest
from segtrt.quality.failure_words import all_in_words, broken_limits, in_words
from segtrt.quality.failures import Failure

LOSS = Failure("metric_loss", 0.03, 0.02, of="Dice")
SHARE = Failure("precision_share", 0.1, 0.5, at_least=True, of="int8")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (LOSS, "loss of Dice 0.03, limit 0.02"),
        (Failure("latency_ms", 7.0, 5), "latency 7 ms, limit 5 ms"),
        (Failure("non_finite", 131072, 0), "values that are not finite 131072, limit 0"),
        (SHARE, "0.1 of the convolutions run in int8, at least 0.5 expected"),
        (Failure("metric", 0.5, 0.9, at_least=True, of="Dice"), "Dice 0.5, at least 0.9 expected"),
        (Failure("some_figure", 2.0, 1.0), "some figure 2, limit 1"),
    ],
)
def test_a_failure_is_reported_in_words(failure, words):
    assert in_words(failure) == words


def test_a_failed_validation_is_one_line_and_each_limit_another():
    assert broken_limits([LOSS, SHARE], [Failure("latency_ms", 7.0, 5)]) == [
        f"validation: {all_in_words([LOSS, SHARE])}",
        "latency 7 ms, limit 5 ms",
    ]
    assert broken_limits([], []) == []
