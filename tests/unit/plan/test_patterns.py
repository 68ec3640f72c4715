"""Paths with wildcards."""

import pytest
from segtrt.plan.patterns import Pattern
from snakemake.io import regex_from_filepattern

ENGINE = Pattern(
    "results/engines/{runtime}{at}/b{batch}_{precision}/engine.bin",
    (("runtime", "[a-z_]+"), ("at", "(@[a-z0-9]+)?"), ("batch", "[0-9]+")),
)
CELL = {"runtime": "tensorrt_rtx", "at": "@a100", "batch": "4", "precision": "fp16"}


@pytest.mark.parametrize("change", [{}, {"at": ""}, {"batch": "16", "precision": "int8"}])
def test_a_filled_pattern_matches_with_what_it_was_filled_with(change: dict[str, str]) -> None:
    cell = CELL | change
    assert ENGINE.match(ENGINE.fill(cell)) == cell


@pytest.mark.parametrize(
    "path",
    [
        "results/engines/openvino/b4_fp16/engine.json",
        "results/engines/openvino/bx_fp16/engine.bin",
        "results/engines/Openvino/b4_fp16/engine.bin",
        "results/enginesXopenvino/b4_fp16/engine.bin",
        "below/results/engines/openvino/b4_fp16/engine.bin",
    ],
)
def test_other_paths_do_not_match(path: str) -> None:
    assert ENGINE.match(path) is None


def test_a_constraint_in_the_path_counts_and_is_no_part_of_it() -> None:
    graph = Pattern("onnx/{graph,fp16|int8{1}}/model.onnx", (("graph", "never"),))
    assert graph.match("onnx/fp16/model.onnx") == {"graph": "fp16"}
    assert graph.match("onnx/fp32/model.onnx") is None
    assert graph.plain == "onnx/{graph}/model.onnx"
    assert graph.wildcards == ("graph",)


def test_a_wildcard_that_comes_twice_is_the_same_both_times() -> None:
    twice = Pattern("{subject}/{subject}_{item}.tif")
    assert twice.match("a/a_1.tif") == {"subject": "a", "item": "1"}
    assert twice.match("a/b_1.tif") is None


def test_the_name_is_what_lies_between_the_first_wildcard_and_the_last() -> None:
    assert ENGINE.name(CELL) == "tensorrt_rtx@a100/b4_fp16"
    assert Pattern("results/shard_{shard}.json").name({"shard": "03"}) == "03"
    assert Pattern("results/report.html").name({}) == ""


@pytest.mark.parametrize("path", ["a/b1/x.bin", "a/b/x.bin", "aa/b12/x.bin", "A/b1/x.bin"])
def test_it_matches_as_snakemake_does(path: str) -> None:
    text = "{one,[a-z]+}/b{two,[0-9]+}/x.bin"
    expected = regex_from_filepattern(text)
    import re

    found = re.match(expected, path)
    assert Pattern(text).match(path) == (found.groupdict() if found else None)
