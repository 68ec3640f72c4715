"""What servers need to know of a model: its tensors, and the sizes of its batches."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError
from segtrt.runtimes.description import BuildSettings

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Tensor:
    """The input or output of a model."""

    name: str
    kind: str
    """The element type by ONNX's name, e.g. `FLOAT`."""
    shape: tuple[int, ...]
    """Of one image, without the batch."""


@dataclass(frozen=True)
class ServedModel:
    """One model as servers see it."""

    input: Tensor
    output: Tensor
    batches: tuple[int, int] | None
    """Fewest and most images in a batch; None if only batches of `batch` are taken."""
    batch: int
    """The batch that was proven."""


def describe_model(
    graph: "onnx.ModelProto", settings: BuildSettings, *, takes_engine: bool
) -> ServedModel:
    """How servers see a model.

    Args:
        graph: the graph that the engine was built from; its batch is free or one number.
        settings: how the engine was built, with patch and output.
        takes_engine: whether the server loads the engine rather than the graph.
    """
    tensors = [
        Tensor(value.name, _element_name(value), shape)
        for value, shape in (
            (graph.graph.input[0], settings.patch),
            (graph.graph.output[0], settings.output),
        )
    ]
    dynamic = settings.profile == "dynamic"
    fixed = graph.graph.input[0].type.tensor_type.shape.dim[0].HasField("dim_value")
    batches: tuple[int, int] | None = (
        (settings.dynamic_min, settings.dynamic_max) if dynamic else (1, settings.batch_size)
    )
    if (takes_engine and not dynamic) or (fixed and not takes_engine):
        batches = None
    batch = settings.dynamic_opt if dynamic else settings.batch_size
    if fixed and not takes_engine:
        batch = graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value
    return ServedModel(tensors[0], tensors[1], batches, batch)


def read_graph(path: Path) -> "onnx.ModelProto":
    """Read an ONNX graph, its weights included.

    Raises:
        SegtrtError: it cannot be read.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load(path)
    except (DecodeError, ValueError) as error:
        raise SegtrtError(
            f"{path} is not an ONNX graph ({error}); delete it and run the workflow again"
        ) from None


def _element_name(value: "onnx.ValueInfoProto") -> str:
    import onnx

    return str(onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type))
