"""The file of what a region loses."""

import pytest
from segtrt.errors import SegtrtError
from segtrt.precision import Graph
from segtrt.quality.sensitivity import (
    Loss,
    Method,
    Outcome,
    Sensitivity,
    read_sensitivity,
)

LOSS = Loss(0.1, 0.2, 0.3, 0, 1, 100)


@pytest.mark.parametrize(
    "found",
    [
        Sensitivity(Graph.INT8, 3, "c", Outcome.MEASURED, method=Method.CODES, loss=LOSS),
        Sensitivity(Graph.BF16, 0, "a", Outcome.UNAVAILABLE, "why"),
        Sensitivity(Graph.FP8, 11, "", Outcome.EMPTY),
    ],
)
def test_it_is_read_as_it_was_written(tmp_path, found):
    found.write(tmp_path / "a.json")
    assert read_sensitivity(tmp_path / "a.json") == found


def test_another_file_is_reported_in_one_line(tmp_path):
    (tmp_path / "a.json").write_text('{"format": "segtrt-regions-1"}')
    with pytest.raises(SegtrtError, match="is not a sensitivity of a region this version can read"):
        read_sensitivity(tmp_path / "a.json")
