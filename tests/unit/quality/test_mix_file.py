"""The file of a mix."""

import pytest
from segtrt.errors import SegtrtError
from segtrt.precision import Graph, Precision
from segtrt.quality.mix_file import Choice, Join, MixPlan, Option, Prediction, read_mix

PLAN = MixPlan(
    precision=Precision.MIXED_B3,
    runtime="tensorrt",
    budget=0.01,
    batch_size=16,
    choices=(Choice(0, "encoder", Graph.FP16), Choice(2, "decoder", Graph.FP8)),
    predicted=Prediction(8.0, 0.25, None, 0.001),
    options=(Option(0, Graph.FP16, 0.2, None, 0.001, is_finite=True),),
    joins=(Join(Graph.FP16, 0.01),),
)


def test_it_is_read_as_it_was_written(tmp_path):
    PLAN.write(tmp_path / "mixed.json")
    assert read_mix(tmp_path / "mixed.json") == PLAN
    assert PLAN.chosen == {0: Graph.FP16, 2: Graph.FP8}
    assert PLAN.predicted.latency_ms == 6.0


def test_another_file_is_refused(tmp_path):
    (tmp_path / "mixed.json").write_text('{"format": "segtrt-gain-1"}')
    with pytest.raises(SegtrtError, match="is not a mix this version can read"):
        read_mix(tmp_path / "mixed.json")
