"""The table of what regions lose."""

from dataclasses import replace

from segtrt.precision import Graph
from segtrt.quality.blame_table import blame_table, worst_first
from segtrt.quality.sensitivity import Loss, Method, Outcome, Sensitivity

LOSS = Loss(0.001, 0.0002, 0.01, 0, 2, 1000)


def one(region, graph=Graph.INT8, outcome=Outcome.MEASURED, reason="", **loss):
    found = replace(LOSS, **loss) if outcome is Outcome.MEASURED else None
    method = Method.CODES if found else None
    name = "" if outcome is Outcome.EMPTY else f"part{region}"
    return Sensitivity(graph, region, name, outcome, reason, method, found)


def test_the_worst_comes_first():
    given = [
        one(0),
        one(1, metric_loss=0.2),
        one(2, flipped_fraction=0.5),
        one(3, metric_loss=-0.1),
        one(4, outcome=Outcome.EMPTY),
        one(5, metric_loss=0.0, non_finite=3),
    ]
    assert [entry.region for entry in worst_first(given)] == [5, 1, 2, 0, 3]


def test_without_ground_truth_flipped_pixels_decide():
    given = [one(n, metric_loss=None, flipped_fraction=share) for n, share in enumerate([0.1, 0.3])]
    assert [entry.region for entry in worst_first(given)] == [1, 0]
    assert blame_table(given, "Dice", "").splitlines()[1].split() == [
        *("2", "part1", "int8", "-", "30.0000", "0.01000")
    ]


def test_the_table_says_what_it_leaves_out():
    reported = blame_table(
        [
            one(0, metric_loss=0.0123),
            one(1, outcome=Outcome.UNCHANGED),
            one(2, outcome=Outcome.EMPTY),
            one(0, Graph.FP8, Outcome.UNAVAILABLE, "no such tool"),
            one(1, Graph.FP8, Outcome.UNAVAILABLE, "no such tool"),
        ],
        "Surface distance",
        "mm",
    )
    head, row, *rest = reported.splitlines()
    assert head.split("  ")[-3:] == ["Surface distance lost, mm", "flipped, %", "relative L2"]
    assert row.split() == ["1", "part0", "int8", "+0.0123", "0.0200", "0.01000"]
    assert rest == [
        "each alone in its precision, on 2 search subjects",
        "int8 leaves in float32: part1",
        "fp8 cannot be had: no such tool",
    ]


def test_values_that_are_no_numbers_are_reported():
    assert "(3 not finite)" in blame_table([one(0, non_finite=3)], "Dice", "")
