"""The table of what a dynamic profile costs."""

import copy

import pytest
from example_summaries import CASES, make_example
from segtrt.report.overview import make_overview
from segtrt.report.page import load_overlays, render
from segtrt.report.profiles import costs_of_profiles


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The demo's summary with a dynamic engine beside two of its engines, and its folder."""
    folder = tmp_path_factory.mktemp("profiles")
    summary = make_example(CASES["demo"](), folder)
    engines = {one["name"]: one for one in summary["engines"]}
    for batch, factor in ((1, 2.0), (4, 1.5)):
        own = engines[f"openvino/b{batch}_int8"]
        wide = copy.deepcopy(own)
        wide |= {"name": f"{own['name']}_dynamic", "profile": "dynamic"}
        wide["timing"]["total"]["median"] *= factor
        wide["timing"]["stable"] = batch == 1
        summary["engines"].append(wide)
    return summary, folder


def test_each_pair_is_a_line_with_what_the_wide_one_costs(both):
    first, second = costs_of_profiles(both[0])
    assert (first.label, first.batch_size, first.factor) == ("OpenVINO int8", 1, "2.0×")
    assert (second.batch_size, second.factor) == (4, "1.5×")
    assert (first.stable, second.stable) == (True, False)
    assert (first.low, first.high) == (1, 32)


def test_without_pairs_there_is_no_table(both):
    summary = copy.deepcopy(both[0])
    summary["engines"] = [one for one in summary["engines"] if one["profile"] == "static"]
    assert costs_of_profiles(summary) == []
    for one in summary["engines"]:
        one["profile"] = "dynamic"
    assert costs_of_profiles(summary) == []


def test_the_page_tells_dynamic_engines_apart(both):
    summary, folder = copy.deepcopy(both[0]), both[1]
    summary["recommendation"]["engine"] = "openvino/b4_int8_dynamic"
    assert make_overview(summary).title == "OpenVINO int8, batch 4, dynamic profile"
    page = render(summary, load_overlays(folder / "overlays"))
    assert "What the wide profile costs" in page
    assert page.count("<b>int8</b> dynamic") == 2
    assert '"name":"OpenVINO int8, dynamic"' in page
