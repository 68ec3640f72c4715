"""A graph in the one shape that an engine takes."""

from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError
from segtrt.graphs.axes import fix_shape
from segtrt.runtimes.description import BuildSettings

if TYPE_CHECKING:
    import onnx


def fix_sides(model: "onnx.ModelProto", settings: BuildSettings, graph: Path) -> None:
    """Fix a graph's sides to the engine's patch; its batch stays as it is.

    Args:
        model: the graph of an engine; it is changed.
        settings: the engine's.
        graph: its file, for messages.

    Raises:
        SegtrtError: the graph has other fixed sides.
    """
    _, _, *sides = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    size = settings.patch[1:]
    if any(side not in (0, want) for side, want in zip(sides, size, strict=True)):
        raise SegtrtError(
            f"{graph} takes images of {'x'.join(map(str, sides))} only, "
            f"{'x'.join(map(str, size))} was asked for; change tensors.size or model.input.size"
        )
    fix_shape(model, None, size)


def fix_for_engine(model: "onnx.ModelProto", settings: BuildSettings, graph: Path) -> None:
    """Fix a graph's sides to the engine's patch and, for a static engine, its batch.

    Args:
        model: the graph of an engine; it is changed.
        settings: the engine's.
        graph: its file, for messages.

    Raises:
        SegtrtError: the graph has other fixed sides, or takes batches of another size only.
    """
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value
    if batch and (settings.profile == "dynamic" or batch != settings.batch_size):
        wanted = (
            f"{settings.dynamic_min} to {settings.dynamic_max}"
            if settings.profile == "dynamic"
            else str(settings.batch_size)
        )
        raise SegtrtError(
            f"{graph} takes batches of {batch} only, {wanted} was asked for; export it with a "
            "dynamic batch dimension"
        )
    fix_sides(model, settings, graph)
    if settings.profile == "static":
        fix_shape(model, settings.batch_size, (None,) * len(settings.patch[1:]))
