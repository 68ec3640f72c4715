"""Which engine is packaged, and the line that says why none is."""

import copy
from typing import Any

import pytest
from example_package import Sources
from segtrt.errors import SegtrtError
from segtrt.package.choice import choose_engine

WANTED = "onnxruntime/b2_fp32"


@pytest.fixture
def summary(known_sources: Sources) -> dict[str, Any]:
    return copy.deepcopy(known_sources.summary)


def test_the_recommended_engine_or_the_one_that_is_named(summary: dict[str, Any]) -> None:
    assert summary["recommendation"]["engine"] == "openvino/b2_fp32"
    assert choose_engine(summary, None)["name"] == "openvino/b2_fp32"
    assert choose_engine(summary, WANTED)["name"] == WANTED


def refusal(summary: dict[str, Any], wanted: str | None) -> str:
    with pytest.raises(SegtrtError) as caught:
        choose_engine(summary, wanted)
    return str(caught.value)


def test_an_engine_that_the_run_has_not(summary: dict[str, Any]) -> None:
    reported = refusal(summary, "openvino/b9_fp32")
    assert "openvino/b9_fp32, which the run has not; choose from onnxruntime/b2_fp32" in reported


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {
                "verdict": "fail",
                "failures": [
                    {
                        "figure": "non_finite",
                        "value": 3,
                        "limit": 0,
                        "at_least": False,
                        "of": "",
                    }
                ],
            },
            "it failed validation (values that are not finite 3, limit 0)",
        ),
        ({"verdict": "skipped", "reason": "no such GPU"}, "no such GPU"),
        ({"verdict": "not_run", "reason": ""}, "its verdict is not_run"),
    ],
)
def test_an_engine_that_did_not_pass(
    summary: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    next(one for one in summary["engines"] if one["name"] == WANTED).update(changes)
    assert f"{WANTED} is not packaged: {message}; choose" in refusal(summary, WANTED)


def test_a_run_that_recommends_none(summary: dict[str, Any]) -> None:
    none = {"engine": None, "closest": None, "failures": [], "broken": [], "doubt": ""}
    summary["recommendation"] |= none
    assert refusal(summary, None) == "there is no engine to package: no engine was run"
    slow = {"figure": "latency_ms", "value": 9.0, "limit": 5.0, "at_least": False, "of": ""}
    summary["recommendation"] |= {"closest": WANTED, "broken": [slow]}
    assert f"{WANTED} came closest: latency 9 ms, limit 5 ms; name one" in refusal(summary, None)
    summary["recommendation"] |= {"doubt": "the network finds nothing"}
    assert "none is recommended, for the network finds nothing" in refusal(summary, None)
    assert choose_engine(summary, WANTED)["name"] == WANTED
