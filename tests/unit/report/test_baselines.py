"""The table of what speed-ups are against."""

import pytest
from example_summaries import CASES, make_example
from segtrt.report.baselines import make_baselines


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return make_example(CASES["demo"](), tmp_path_factory.mktemp("demo"))


def test_each_way_stands_there_with_what_its_answers_are_worth(demo):
    table = make_baselines(demo)
    assert table.sizes == [1, 4, 16]
    reference, low, wrong, missing = table.rows
    assert (reference.name, reference.flipped, reference.counts) == (
        *("PyTorch eager fp32", "–"),
        "yes",
    )
    assert (low.flipped, low.error, low.counts) == ("0.0072 %", "4.0e-03", "yes")
    assert low.form == "weights in bf16, channels last"
    assert wrong.counts == "no: share of flipped pixels 0.00429, limit 0.0005"
    assert (missing.counts, missing.speeds[0].text) == (
        "no: PyTorch cannot run the network so: no",
        "–",
    )


def test_the_fastest_that_counts_is_marked(demo):
    marked = [[speed.fastest for speed in row.speeds] for row in make_baselines(demo).rows]
    assert marked == [[False] * 3, [True] * 3, [False] * 3, [False] * 3]


def test_without_times_there_is_no_table(demo):
    machines = [{**demo["machines"][0], "timings": [], "baselines": []}]
    assert make_baselines({**demo, "machines": machines}).rows == []
