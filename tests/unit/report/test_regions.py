"""The network as a strip."""

import pytest
from segtrt.report.regions import LEVELS, make_strip

METRIC = {"name": "dice", "title": "Dice", "unit": "", "higher_is_better": True}


def cell(lost=0.0, outcome="measured", **more):
    loss = {
        **{"metric_loss": lost, "flipped_fraction": 0.001, "relative_l2": 0.01},
        **{"non_finite": 0, "subjects": 2, "pixels": 100},
        **more,
    }
    return {
        "outcome": outcome,
        "reason": "why" if outcome == "unavailable" else "",
        "method": "codes" if outcome == "measured" else None,
        "loss": loss if outcome == "measured" else None,
    }


def summary(*rows, has_truth=True, limit=0.005):
    names = ["encoder", "bottleneck", "decoder"]
    return {
        "metric": METRIC,
        "recommendation": {"max_metric_loss": limit},
        "reference": {"has_truth": has_truth},
        "precision_search": {
            "subjects": 2,
            "regions": [{"name": name, "nodes": 3} for name in names],
            "rows": [
                {"graph": graph, "label": graph, "cells": list(cells)} for graph, *cells in rows
            ],
        },
    }


def test_the_darker_the_more_is_lost():
    strip = make_strip(summary(("int8", cell(0.0), cell(0.002), cell(0.005))))
    levels = [one.level for one in strip.rows[0].cells]
    assert levels[0] == 0 < levels[1] < levels[2] == LEVELS
    assert [one.is_worst for one in strip.rows[0].cells] == [False, False, True]
    assert strip.title == "decoder loses most, in int8"
    assert "0.005" in strip.legend and "limit" in strip.legend


def test_little_is_pale_and_said_to_be_little():
    strip = make_strip(summary(("int8", cell(1e-6), cell(0.0003), cell(-0.001))))
    assert max(one.level for one in strip.rows[0].cells) <= 2
    assert strip.title == "No region by itself loses a tenth of what is allowed"
    assert strip.rows[0].cells[2].text == "−0.0010"


def test_more_than_the_limit_sets_the_scale():
    strip = make_strip(summary(("int8", cell(0.5), cell(0.005), cell())))
    assert [one.level for one in strip.rows[0].cells] == [LEVELS, 1, 0]
    assert "limit" not in strip.legend


def test_without_ground_truth_colours_tell_pixels():
    row = ("bf16", cell(None), cell(None, flipped_fraction=0.2), cell(None))
    strip = make_strip(summary(row, has_truth=False))
    assert strip.rows[0].cells[1].level == LEVELS
    assert strip.rows[0].cells[1].text == "20 %"
    assert strip.legend.startswith("Colour: share of pixels that differ")


def test_numbers_that_are_none_are_the_worst():
    strip = make_strip(summary(("fp16", cell(0.5), cell(0.0, non_finite=7), cell())))
    assert strip.rows[0].cells[1].is_worst
    assert strip.rows[0].cells[1].level == LEVELS
    assert strip.rows[0].cells[1].detail.startswith("7 values not finite")


def test_what_was_not_measured_has_no_colour():
    row = ("int8", cell(0.001), cell(outcome="unchanged"), cell(outcome="unavailable"))
    strip = make_strip(summary(row))
    assert [one.text for one in strip.rows[0].cells] == ["0.0010", "float32", "–"]
    assert [one.level for one in strip.rows[0].cells][1:] == [0, 0]
    assert "int8: why" in strip.notes


@pytest.mark.parametrize("search", [None, summary()["precision_search"]])
def test_nothing_judged_is_no_picture(search):
    assert make_strip({**summary(), "precision_search": search}) is None
    assert (
        make_strip({key: value for key, value in summary().items() if "search" not in key}) is None
    )
