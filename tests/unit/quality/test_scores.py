"""Files of scores: what is no such file is refused in one line."""

import json

import pytest
from segtrt.errors import SegtrtError
from segtrt.quality.scores import read_scores

HEAD = {
    "format": "segtrt-scores-3",
    "engine": "openvino/b1_fp32",
    "status": "built",
    "decoder": {"activation": "sigmoid"},
    "metric": {"name": "dice", "title": "Dice", "unit": "", "higher_is_better": True},
}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"format": "other"}, "format segtrt-scores-3 expected, found 'other'"),
        ([], "segtrt-scores-3 expected"),
        ({**HEAD, "metric": "high"}, "metric is 'high', expected an object"),
        ({**HEAD, "decoder": {"x": float("nan")}}, r"scores\.json.*NaN"),
        ({**HEAD, "decoder": {"x": float("inf")}}, r"scores\.json.*Infinity"),
        ({**HEAD, "subjects": []}, r"figures\.errors is missing"),
        ({key: HEAD[key] for key in HEAD if key != "engine"}, "engine is missing"),
    ],
)
def test_what_is_no_file_of_scores_is_refused(tmp_path, content, fault):
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(content))
    with pytest.raises(SegtrtError, match=fault) as caught:
        read_scores(path)
    assert "\n" not in str(caught.value)


def test_scores_without_figures_are_those_of_an_unsupported_engine(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({**HEAD, "status": "unsupported"}))
    assert read_scores(path).figures is None
