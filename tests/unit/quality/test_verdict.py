"""Files of verdicts: what is no such file is refused in one line."""

import json

import pytest
from segtrt.errors import SegtrtError
from segtrt.quality.check import check
from segtrt.quality.failures import Failure
from segtrt.quality.scores import Interval
from segtrt.quality.verdict import PrecisionProof, Verdict, read_verdict

VERDICT = Verdict(
    engine="openvino/b4_int8",
    verdict="fail",
    reason="",
    failures=(
        Failure("metric_loss", 0.031, 0.02, of="Dice"),
        Failure("precision_share", 0.1, 0.5, at_least=True, of="int8"),
    ),
    tolerance={"max_abs_error": None, "metric_loss": 0.02},
    precision_proof=PrecisionProof({"int8": 1.0}, None, "layers"),
    confident=True,
    loss_interval=Interval(-0.001, 0.031),
)


def test_a_verdict_comes_back_as_it_was_written(tmp_path):
    VERDICT.write(tmp_path / "x.json")
    assert read_verdict(tmp_path / "x.json") == VERDICT


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"format": "other"}, "segtrt-validation-2 expected"),
        ({"verdict": "fine"}, "verdict is 'fine', expected one of pass, fail, skipped"),
        ({"failures": ["metric_loss 0.031 > 0.02"]}, r"failures\[0\] is .*, expected an object"),
        ({"tolerance": {"metric_loss": "none"}}, r"tolerance\.metric_loss is 'none'"),
        ({"tolerance": {"metric_loss": 10**30}}, "more than 64 bits"),
        ({"loss_interval": {"low": 0}}, r"loss_interval\.high is missing"),
        ({"precision_proof": {}}, r"precision_proof\.layers is missing"),
    ],
)
def test_what_is_no_verdict_is_refused(tmp_path, change, fault):
    path = tmp_path / "x.json"
    VERDICT.write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(SegtrtError, match=fault) as caught:
        check([path])
    assert "\n" not in str(caught.value)
