"""The figures of quality: where they lie, and when they break a limit."""

import pytest
import yaml
from segtrt.config.schema import load_schema
from segtrt.quality.failures import Failure
from segtrt.quality.metric_table import METRICS, Metric, Style, figures_shown
from segtrt.report import wording
from segtrt.summary.document import SCHEMA

HIGH = Metric("h", "height", "H", "m", "", ("a", "b"), Style.SCORE, higher_is_better=True)
LOW = Metric("l", "loss", "L", "m", "", ("a",), Style.ERROR)


def test_names_are_unique() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize(
    ("scores", "value"),
    [({"a": {"b": 2}}, 2.0), ({"a": {"b": None}}, None), ({"a": None}, None), ({}, None)],
)
def test_a_figure_is_found_by_its_path(scores: dict, value: float | None) -> None:
    assert HIGH.value(scores) == value


@pytest.mark.parametrize(
    ("metric", "value", "failure"),
    [
        (LOW, 0.2, None),
        (LOW, 0.25, Failure("l", 0.25, 0.2)),
        (HIGH, 0.2, None),
        (HIGH, 0.15, Failure("h", 0.15, 0.2, at_least=True)),
    ],
)
def test_a_limit_is_broken_on_the_worse_side(
    metric: Metric, value: float, failure: Failure | None
) -> None:
    assert metric.failure(value, 0.2) == failure


@pytest.mark.parametrize("metric", [LOW, HIGH])
def test_what_is_no_number_keeps_no_limit(metric: Metric) -> None:
    assert metric.failure(float("nan"), 0.2) is not None


def test_a_figure_of_the_metric_says_which_metric() -> None:
    [loss] = [metric for metric in METRICS if metric.name == "metric_loss"]
    assert loss.failure(0.3, 0.2, "IoU") == Failure("metric_loss", 0.3, 0.2, of="IoU")


def test_columns_are_titled_by_the_metric_and_need_truth_where_they_say_so() -> None:
    with_truth = {one.name: one for one in figures_shown("IoU", has_truth=True)}
    without = {one.name: one for one in figures_shown("IoU", has_truth=False)}
    assert with_truth["metric"].heading == "IoU"
    assert without["agreement"].unit == "IoU"
    assert with_truth.keys() - without.keys() == {"metric", "metric_loss"}
    assert without.keys() - with_truth.keys() == {"agreement"}
    assert not any("{metric}" in one.help for one in with_truth.values())


def test_every_tolerance_of_the_schema_is_a_figure() -> None:
    limited = load_schema()["$defs"]["tolerance"]["properties"]
    assert set(limited) < {metric.name for metric in METRICS}


def test_every_figure_is_in_the_summarys_schema() -> None:
    engine = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["$defs"]["engine"]["properties"]
    assert {metric.path[0] for metric in METRICS} <= set(engine)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("metric", 0.87654, "0.8765"),
        ("metric_loss", -0.0024, "−0.0024"),
        ("flipped_fraction", 0.00123, "0.12 %"),
        ("max_abs_error", 0.0123, "1.2e-02"),
        ("cosine_similarity", 0.9999999, "1.000000"),
        ("cosine_similarity", None, wording.MISSING),
    ],
)
def test_a_figure_is_written_in_its_style(name: str, value: float | None, text: str) -> None:
    [metric] = [metric for metric in METRICS if metric.name == name]
    assert wording.metric(metric, value) == text
