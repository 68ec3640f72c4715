"""Ranges over calibration images."""

import numpy as np
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.activation_ranges import (
    METHODS,
    _entropy_bins,
    _percentile_bins,
    activation_ranges,
)
from segtrt.graphs.clean import read_graph
from small_graph import images, small_graph


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return read_graph(small_graph(tmp_path_factory.mktemp("graph") / "fp32.onnx"))


def test_minmax_is_the_range_over_all_images(model):
    calibration = images(3)
    ranges = activation_ranges(model, ["input", "relu1/out", "up/out"], calibration, "minmax")
    together = np.concatenate(calibration)
    assert ranges["input"] == pytest.approx((together.min(), together.max()))
    assert ranges["relu1/out"][0] == 0
    assert ranges["up/out"][0] < 0 < ranges["up/out"][1]


def test_order_of_the_images_does_not_matter(model):
    calibration = images(3)
    for method in METHODS:
        forwards = activation_ranges(model, ["concat/out"], calibration, method)
        assert forwards == activation_ranges(model, ["concat/out"], calibration[::-1], method)


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_an_outlier_is_clipped(model, method):
    calibration = images(2)
    calibration[0][0, 0, 0, 0] = 1000
    _, high = activation_ranges(model, ["input"], calibration, method)["input"]
    assert 3 < high < 500


def test_percentile_keeps_the_share_it_says():
    histogram = np.zeros(2048, np.int64)
    histogram[10], histogram[100], histogram[2000] = 99_000_000, 999_000, 999
    assert _percentile_bins(histogram) == 101
    histogram[2000] = 5000
    assert _percentile_bins(histogram) == 2001


def test_entropy_keeps_what_is_evenly_used():
    assert _entropy_bins(np.full(2048, 1000)) == 2048
    tail = np.zeros(2048, np.int64)
    tail[:256], tail[2047] = 10_000, 1
    assert _entropy_bins(tail) < 400


def test_constant_zero_has_an_empty_range(model):
    nothing = [np.zeros((1, 3, 256, 256), np.float32)]
    for method in METHODS:
        assert activation_ranges(model, ["input"], nothing, method) == {"input": (0.0, 0.0)}


def test_bad_input_is_refused(model):
    with pytest.raises(SegtrtError, match="expected one of minmax"):
        activation_ranges(model, ["input"], images(1), "guess")
    with pytest.raises(SegtrtError, match="no calibration slices"):
        activation_ranges(model, ["input"], [], "minmax")
    broken = images(1)
    broken[0][0, 0, 0, 0] = np.nan
    with pytest.raises(SegtrtError, match="not finite"):
        activation_ranges(model, ["input"], broken, "minmax")


def test_a_result_that_is_not_finite_is_refused_even_if_not_watched(tmp_path):
    """Weights so large that a convolution overflows; watched or not, nothing is calibrated."""
    broken = read_graph(small_graph(tmp_path / "fp32.onnx", factor=1e45))
    with pytest.raises(SegtrtError, match=r"first/out is not finite on calibration slice 1 of 2"):
        activation_ranges(broken, ["first/out"], images(2), "minmax")
    with pytest.raises(SegtrtError, match=r"own answer on calibration slice 1 of 2 is not finite"):
        activation_ranges(broken, ["input"], images(2), "minmax")
