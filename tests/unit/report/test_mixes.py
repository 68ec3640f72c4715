"""Mixes beside the network's strip."""

import pytest
from segtrt.report.mixes import HOLLOW, make_mixes

FOUND = {
    **{"engine": "openvino/b4_mixed", "verdict": "pass", "plain_ms": 12.0, "latency_ms": 6.0},
    **{"metric_loss": 0.004, "flipped_fraction": 0.002},
}
PREDICTED = {
    **{"plain_ms": 10.0, "latency_ms": 4.0},
    **{"metric_loss": 0.003, "flipped_fraction": 0.001},
}
CHOICES = [
    {"region": 0, "name": "encoder", "graph": "int8_openvino"},
    {"region": 2, "name": "decoder", "graph": "fp16"},
]


def summary(predicted=PREDICTED, found=FOUND, choices=CHOICES, machines=("",), unit=""):
    mix = {
        **{"runtime": "openvino", "machine": machines[0], "precision": "mixed", "budget": 0.005},
        **{"batch_size": 4, "min_gain": 0.02},
        **{"choices": choices, "predicted": predicted, "found": found},
    }
    return {
        "metric": {"unit": unit},
        "machines": [{"name": name} for name in machines],
        "precision_search": {"regions": [{}, {}, {}], "mixes": [mix]},
    }


def test_a_mix_is_a_row_of_precisions_and_one_of_figures():
    (mix,) = make_mixes(summary())
    assert mix.label == "OpenVINO mixed"
    assert mix.cells == ["int8", "", "fp16"]
    assert mix.finding == "2 of 3 regions lowered, at batch 4."
    assert (mix.budget, mix.predicted_loss, mix.found_loss, mix.off) == (
        *("0.0050", "0.0030", "0.0040", "0.0010"),
    )
    assert (mix.predicted_speed, mix.found_speed) == ("2.5×, 4.00 ms", "2.0×, 6.00 ms")
    assert mix.verdict == "passed"


def test_a_mix_of_one_of_several_machines_has_its_name():
    (mix,) = make_mixes(summary(machines=("big", "small"), unit="mm"))
    assert mix.label == "OpenVINO mixed on big"
    assert mix.predicted_loss == "0.0030 mm"


def test_where_nothing_is_lowered_it_says_so_plainly():
    (mix,) = make_mixes(summary({**PREDICTED, "latency_ms": 10.0}, choices=[]))
    assert mix.finding.startswith(f"{HOLLOW} here: no region saves 2 %")
    assert mix.cells == ["", "", ""]
    assert mix.predicted_speed == "1.0×, 10.0 ms"


def test_without_ground_truth_losses_are_pixels():
    (mix,) = make_mixes(summary({**PREDICTED, "metric_loss": None}, {**FOUND, "metric_loss": None}))
    assert (mix.budget, mix.predicted_loss, mix.found_loss, mix.off) == (
        *("0.50 %", "0.10 %", "0.20 %", "0.10 %"),
    )


def test_what_was_not_built_or_timed_is_missing():
    nothing = dict.fromkeys(FOUND)
    (mix,) = make_mixes(summary({**PREDICTED, "plain_ms": None, "latency_ms": None}, nothing))
    assert (mix.found_loss, mix.off, mix.found_speed, mix.verdict) == ("–", "–", "–", "–")
    assert mix.predicted_speed == "–"
    (mix,) = make_mixes(summary({**PREDICTED, "latency_ms": 0.0}))
    assert mix.predicted_speed == "0 ms"
    (mix,) = make_mixes(summary(found={**FOUND, "plain_ms": None}))
    assert mix.found_speed == "6.00 ms"


@pytest.mark.parametrize("search", [None, {"regions": []}])
def test_without_mixes_there_are_none(search):
    assert make_mixes({"precision_search": search}) == []
    assert make_mixes({}) == []
