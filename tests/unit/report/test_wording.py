"""Figures as text."""

import pytest
from segtrt.report import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.00123, "0.00123"),
        (0.5, "0.500"),
        (9.9996, "10.0"),
        (12.3456, "12.3"),
        (999.6, "1,000"),
        (123456, "123,000"),
        (1e-6, "1.00e-06"),
        (-2.5, "-2.50"),
    ],
)
def test_numbers_have_three_significant_digits(value, text):
    assert wording.number(value) == text


def test_changes_of_a_figure_carry_their_sign_and_zero_has_none():
    assert wording.score_change(0.00123) == "+0.0012"
    assert wording.score_change(-0.00123) == "−0.0012"
    assert wording.score_change(-0.00001) == "0.0000"
    assert wording.loss(0.0024) == "0.0024"
    assert wording.loss(-0.0024) == "−0.0024"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "0.25 s"), (59, "59 s"), (245, "4 min 5 s"), (7380, "2 h 3 min")]
)
def test_durations(seconds, text):
    assert wording.duration(seconds) == text


def test_lists_and_plurals():
    assert wording.listed([]) == ""
    assert wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert (wording.plural(1, "engine"), wording.plural(1200, "engine")) == (
        "1 engine",
        "1,200 engines",
    )


def test_conditions_of_a_timing():
    silent = {"mode": None, "threads": None, "gpu_before": None, "gpu_after": None}
    assert wording.conditions(silent) == ""
    assert (
        wording.conditions({**silent, "mode": "stream", "threads": 2}) == "mode stream, 2 threads"
    )
    gpu = {
        **silent,
        "mode": "graph",
        "gpu_before": {"sm_clock_mhz": 1980, "temperature_c": 41, "power_w": None},
        "gpu_after": {"sm_clock_mhz": 1755, "temperature_c": 60, "power_w": 300.0},
    }
    assert wording.conditions(gpu) == "mode graph, 1,980 → 1,755 MHz, 41 → 60 °C"


def test_decoding():
    decoder = {"activation": "none", "decide": "argmax", "largest_component": False}
    assert wording.decoding(decoder) == "the highest channel; the first is background"
    decoder["decide"] = {"threshold": 0.3}
    assert wording.decoding(decoder) == "a probability of the logits' sigmoid above 0.3"
    decoder = {**decoder, "activation": "sigmoid", "largest_component": True}
    assert wording.decoding(decoder) == (
        "a probability above 0.3, then the largest component of each class"
    )


def test_engines_and_lines_name_their_machine_if_it_has_a_name():
    assert wording.engine_label("openvino", 4, "int8") == "OpenVINO int8, batch 4"
    assert wording.engine_label("openvino", 4, "int8", "a100") == "OpenVINO int8, batch 4 on a100"
    summary = {"reference": {"name": "ONNX Runtime"}}
    assert wording.reference_label(summary) == "ONNX Runtime fp32"
    assert wording.reference_label(summary, "b") == "ONNX Runtime fp32 on b"
    assert wording.series_label("openvino", "int8", "b") == "OpenVINO int8 on b"
