"""The picture of the rules: which arrows it has, and that none is lost or crossed out."""

import re
from xml.etree import ElementTree

from segtrt.plan.rule_graph import draw_mermaid, draw_svg

CHAIN = [("fetch", "encode"), ("encode", "run"), ("run", "score")]
SVG = "{http://www.w3.org/2000/svg}"


def arrows(text: str) -> set[tuple[str, str]]:
    lines = re.findall(r"(\w+) --> (.+)", text)
    return {(maker, user) for maker, users in lines for user in users.split(" & ")}


def boxes(svg: str) -> dict[str, tuple[float, float]]:
    """Name -> centre of its text."""
    root = ElementTree.fromstring(svg)
    return {
        str(text.text): (float(text.attrib["x"]), float(text.attrib["y"]))
        for text in root.iter(f"{SVG}text")
    }


def test_an_arrow_that_a_longer_way_implies_is_left_out() -> None:
    implied = [("fetch", "run"), ("fetch", "score"), ("encode", "score")]
    assert arrows(draw_mermaid([*CHAIN, *implied])) == set(CHAIN)


def test_two_ways_of_the_same_length_stay() -> None:
    diamond = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    assert arrows(draw_mermaid(diamond)) == set(diamond)


def test_the_order_of_the_edges_means_nothing() -> None:
    assert draw_mermaid(CHAIN) == draw_mermaid(CHAIN[::-1])
    assert draw_svg(CHAIN) == draw_svg(CHAIN[::-1])


def test_mermaid_is_one_flowchart() -> None:
    lines = draw_mermaid(CHAIN).splitlines()
    assert lines[0] == "flowchart LR"
    assert all(re.fullmatch(r"    \w+ --> \w+( & \w+)*", line) for line in lines[1:])


def test_svg_has_every_rule_once_with_makers_above_users() -> None:
    edges = [*CHAIN, ("weights", "run"), ("run", "time"), ("time", "report"), ("score", "report")]
    svg = draw_svg(edges)
    place = boxes(svg)
    assert set(place) == {name for edge in edges for name in edge}
    assert len(set(place.values())) == len(place)
    for maker, user in edges:
        assert place[maker][1] < place[user][1]


def test_svg_stays_within_its_size_and_draws_every_arrow() -> None:
    svg = draw_svg([*CHAIN, ("weights", "run")])
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in root.iter(f"{SVG}rect"):
        x, y = float(box.attrib["x"]), float(box.attrib["y"])
        assert 0 <= x <= width - float(box.attrib["width"])
        assert 0 <= y <= height - float(box.attrib["height"])
    # A line and a head for each of the four arrows.
    assert len(list(root.iter(f"{SVG}path"))) == 8


def test_svg_tells_its_content_to_those_who_do_not_see_it() -> None:
    root = ElementTree.fromstring(draw_svg(CHAIN))
    assert root.attrib["role"] == "img"
    assert "fetch to encode" in root.attrib["aria-label"]


def test_no_rules_make_an_empty_picture() -> None:
    assert draw_mermaid([]) == "flowchart LR\n"
    assert boxes(draw_svg([])) == {}
