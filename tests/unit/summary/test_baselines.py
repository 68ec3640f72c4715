"""What speed-ups are against: the fastest way of PyTorch that keeps the tolerances."""

import pytest
from segtrt.config.resolve import resolve_config
from segtrt.model.reference_timing_file import Baseline
from segtrt.precision import Precision
from segtrt.quality.failure_words import all_in_words
from segtrt.quality.failures import failures_of
from segtrt.quality.scores import Errors
from segtrt.summary.baselines import baseline_entry, speedup

TOLERANCES = resolve_config({}).validation.tolerances


def errors(*, flipped=0, relative_rms=0.0, non_finite=0):
    return Errors(
        *(4, 40_000, 0.3, 0.0, 0.0, relative_rms, 0.0, 1.0),
        *(40_000, flipped, flipped / 40_000, non_finite),
    )


def entry(found, precision=Precision.BF16, reason=""):
    return baseline_entry(Baseline("eager bf16", precision, "", reason, found, ()), TOLERANCES)


def test_a_way_counts_that_keeps_the_tolerances_of_its_precision():
    kept = entry(errors(flipped=20, relative_rms=0.05))
    assert (kept["name"], kept["counts"], kept["failures"]) == ("PyTorch eager bf16", True, [])
    assert not entry(errors(flipped=20), Precision.FP32)["counts"]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (errors(flipped=21), "share of flipped pixels 0.000525, limit 0.0005"),
        (errors(relative_rms=0.06), "relative error of the outputs 0.06, limit 0.05"),
        (errors(non_finite=3), "values that are not finite 3, limit 0"),
    ],
)
def test_one_that_does_not_is_shown_with_what_it_breaks(found, message):
    lost = entry(found)
    assert not lost["counts"]
    assert all_in_words(failures_of(lost["failures"])) == message


def test_a_way_that_was_not_timed_does_not_count():
    assert not entry(None, reason="this CPU does not compute in bf16")["counts"]


def machine(*ways):
    """PyTorch at 10 and 40 images per second at batch 1 and 4, and `ways`, name -> speed at 4."""
    return {
        "timed": "PyTorch eager fp32",
        "timings": [
            {"batch_size": 1, "images_per_second": 10.0},
            {"batch_size": 4, "images_per_second": 40.0},
        ],
        "baselines": [
            {
                "name": name,
                "counts": counts,
                "timings": [{"batch_size": 4, "images_per_second": speed}],
            }
            for name, speed, counts in ways
        ],
    }


def test_a_speed_up_is_over_the_fastest_way_that_counts():
    found = speedup(
        {"batch_size": 4, "images_per_second": 400.0},
        machine(("bf16", 100.0, True), ("slow", 20.0, True), ("wrong", 390.0, False)),
    )
    assert found == (4.0, "bf16", 10.0)


def test_where_float32_is_the_fastest_it_is_over_that():
    found = speedup({"batch_size": 4, "images_per_second": 400.0}, machine(("bf16", 30.0, True)))
    assert found == (10.0, "PyTorch eager fp32", 10.0)


def test_it_compares_equal_batch_sizes_only():
    ways = machine(("bf16", 100.0, True))
    assert speedup({"batch_size": 1, "images_per_second": 25.0}, ways) == (
        *(2.5, "PyTorch eager fp32"),
        2.5,
    )
    assert speedup({"batch_size": 8, "images_per_second": 25.0}, ways) is None
    assert speedup(None, ways) is None
