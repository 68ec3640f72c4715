"""Graphs in the one shape of an engine."""

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper
from segtrt.errors import SegtrtError
from segtrt.graphs.engine_shape import fix_for_engine, fix_sides
from segtrt.precision import Precision
from segtrt.runtimes.description import BuildSettings
from tiny_networks import onnx_graph, weight


def graph(path: Path, *given: Any) -> onnx.ModelProto:
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    return onnx.load(onnx_graph(path, [node], {"w": weight(2, 3, 3, 3)}, given=given))


def shape(model: onnx.ModelProto) -> list[int]:
    return [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]


def shape_of_answers(model: onnx.ModelProto) -> list[int]:
    (made,) = onnx.shape_inference.infer_shapes(model).graph.output
    return [dim.dim_value for dim in made.type.tensor_type.shape.dim]


def settings(**more: Any) -> BuildSettings:
    return BuildSettings(2, Precision.FP32, patch=(3, 16, 24), output=(2, 16, 24), **more)


def test_free_axes_are_fixed(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    static, dynamic, sides = (graph(path, "n", 3, "h", "w") for _ in range(3))
    fix_for_engine(static, settings(), path)
    fix_for_engine(dynamic, settings(profile="dynamic"), path)
    fix_sides(sides, settings(), path)
    assert shape(static) == [2, 3, 16, 24]
    assert shape(dynamic) == shape(sides) == [0, 3, 16, 24]
    assert shape_of_answers(static) == [2, 2, 16, 24]


@pytest.mark.parametrize(
    ("given", "more", "message"),
    [
        (("n", 3, 32, 24), {}, "takes images of 32x24 only, 16x24 was asked for"),
        ((4, 3, 16, 24), {}, "takes batches of 4 only, 2 was asked for"),
        ((2, 3, 16, 24), {"profile": "dynamic"}, "takes batches of 2 only, 1 to 32 was asked"),
    ],
)
def test_other_fixed_axes_are_refused(
    given: tuple[Any, ...], more: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(SegtrtError, match=message):
        fix_for_engine(graph(path, *given), settings(**more), path)
