"""The axes of a graph's input and output: which are free, what they are called, and fixing them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_AXES = {4: ("batch", "", "height", "width"), 5: ("batch", "", "depth", "height", "width")}


def name_axes(graph: "onnx.GraphProto") -> None:
    """Call the free axes by what they are, in the input and where the output has the same ones."""
    (given,), (made,) = graph.input, graph.output
    dims = given.type.tensor_type.shape.dim
    names: dict[str, str] = {}
    for dim, name in zip(dims, _AXES.get(len(dims), ()), strict=False):
        if name and not dim.HasField("dim_value"):
            names[dim.dim_param] = name
            dim.dim_param = name
    del graph.value_info[:]
    for number, dim in enumerate(made.type.tensor_type.shape.dim):
        if not dim.HasField("dim_value"):
            known = names.get(dim.dim_param) if dim.dim_param else None
            dim.Clear()
            if known or (number == 0 and dims[0].dim_param):
                dim.dim_param = known or dims[0].dim_param


def fix_shape(model: "onnx.ModelProto", batch: int | None, size: Iterable[int | None]) -> None:
    """Fix the free batch or sides of a normalised graph; None leaves one as it is.

    Args:
        model: the graph; it is changed.
        batch: patches in a batch.
        size: the sides, `(height, width)` or `(depth, height, width)`.
    """
    (given,) = model.graph.input
    dims = given.type.tensor_type.shape.dim
    for dim, value in zip(dims, (batch, None, *size), strict=True):
        if value is not None:
            dim.dim_value = value
    # What was known of later shapes may hold for free sides only.
    del model.graph.value_info[:]
    for dim in model.graph.output[0].type.tensor_type.shape.dim:
        if not dim.HasField("dim_value"):
            dim.Clear()


def name_sides(model: "onnx.ModelProto") -> None:
    """Say that answers of a normalised graph are as large as its images, where it is not known."""
    for kept, made in zip(
        model.graph.input[0].type.tensor_type.shape.dim,
        model.graph.output[0].type.tensor_type.shape.dim,
        strict=True,
    ):
        if kept.dim_param and not (made.dim_param or made.HasField("dim_value")):
            made.dim_param = kept.dim_param
