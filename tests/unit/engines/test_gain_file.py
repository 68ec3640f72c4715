"""The file of a region's gain."""

import pytest
from segtrt.engines.gain_file import Gain, PairedTimes, read_gain
from segtrt.errors import SegtrtError
from segtrt.precision import Graph
from segtrt.quality.sensitivity import Outcome


@pytest.mark.parametrize(
    "gain",
    [
        Gain("openvino", Graph.INT8_OPENVINO, 3, "decoder", 4, Outcome.UNAVAILABLE, "why"),
        Gain("openvino", Graph.INT8_OPENVINO, None, "", 4, Outcome.UNCHANGED),
        Gain(
            *("tensorrt", Graph.FP16, 0, "encoder", 16, Outcome.MEASURED),
            times=PairedTimes(3.0, 2.0, 0.9, -0.05, 1.5, 30),
        ),
    ],
)
def test_it_is_read_as_it_was_written(gain, tmp_path):
    gain.write(tmp_path / "00.json")
    assert read_gain(tmp_path / "00.json") == gain


def test_another_file_is_refused(tmp_path):
    (tmp_path / "00.json").write_text('{"format": "segtrt-mix-1"}')
    with pytest.raises(SegtrtError, match="is not a gain of a region this version can read"):
        read_gain(tmp_path / "00.json")
