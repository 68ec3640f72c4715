"""An ONNX file from anywhere as the project's float32 graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segtrt.errors import SegtrtError, name_some
from segtrt.files import replacing
from segtrt.graphs.axes import fix_shape
from segtrt.graphs.clean import raise_opset, read_graph, write_graph
from segtrt.graphs.ending import activation_of
from segtrt.graphs.export import TOLERANCE, Exported, compare
from segtrt.graphs.normalise import network_inputs, normalise
from segtrt.graphs.proof import Run, agreement
from segtrt.graphs.running import GraphRun, trial_images
from segtrt.model.outputs import choose_output
from segtrt.precision import Precision

if TYPE_CHECKING:
    import onnx


def take_onnx(
    path: Path,
    out: Path,
    *,
    opset: int,
    size: Sequence[int] | None = None,
    output: str | None = None,
) -> Exported:
    """Write an ONNX file as a normalised float32 graph, proven against the file as it is.

    A batch size that the file fixes is freed where the graph turns out to work with others.

    Args:
        path: the file; weights may lie in others beside it.
        out: the file to make; it appears only if it answers as the original does.
        opset: operator set to bring an older file to, where ONNX knows how.
        size: sides to fix; None leaves them as they are.
        output: which output to keep, where there are several; None to choose.

    Raises:
        SegtrtError: it is not a graph with one input of images in float32, or does not run.
    """
    model = read_graph(path)
    channels, sides, batch = input_shape(model, str(path))
    run = GraphRun(model)
    trial = trial_images(run, channels, size or sides, batch or 2)
    answers = dict(zip(run.outputs, run.all(trial), strict=True))
    shapes = {name: got.shape for name, got in answers.items() if got.dtype == np.float32}
    if not shapes:
        raise SegtrtError(
            f"{path} answers no float32 scores but {name_some(answers)}; give the network without "
            "its ArgMax"
        )
    chosen, note = choose_output(shapes, trial.shape[2:], output)
    notes = [] if note is None else [note]
    place = run.outputs.index(chosen)
    try:
        raise_opset(model, opset)
    # ONNX has no way up for some operators, and says so in many ways.
    except Exception:
        notes.append(f"ONNX cannot bring the graph to operator set {opset}; it stays as it is")
    normal = normalise(model, chosen)
    if size:
        fix_shape(normal, None, size)

    def original(images: np.ndarray) -> np.ndarray:
        parts = np.split(images, len(images) // (batch or len(images)))
        return np.concatenate([run.all(part)[place] for part in parts])

    batches = [trial]
    if batch and _free_batch(normal, original, np.concatenate([trial, trial + 1])):
        notes.append(f"the graph says batches of {batch} but takes any; its batch is freed")
    elif batch:
        notes.append(f"the graph takes batches of {batch} only")
    if not normal.graph.input[0].type.tensor_type.shape.dim[0].dim_value:
        batches.append(np.concatenate([trial, trial + 1]))
    with replacing(out) as partial:
        write_graph(normal, partial, {"segtrt.precision": Precision.FP32})
        agreed = compare(partial, original, batches)
    return Exported(agreed, tuple(notes))


def input_shape(
    model: "onnx.ModelProto", what: str
) -> tuple[int, tuple[int | None, ...], int | None]:
    """Channels, sides and batch of a graph's images; sides and batch are None where they are free.

    Args:
        model: any graph.
        what: what it is, for messages, e.g. its path.

    Raises:
        SegtrtError: it has not exactly one input, of shape (patches, channels, *size) in float32.
    """
    import onnx

    inputs = network_inputs(model)
    if len(inputs) != 1:
        raise SegtrtError(
            f"{what} has the inputs {name_some(value.name for value in inputs)}; expected one, the "
            "images: give a network of one input"
        )
    (given,) = inputs
    dims = [dim.dim_value or None for dim in given.type.tensor_type.shape.dim]
    kind = given.type.tensor_type.elem_type
    if kind != onnx.TensorProto.FLOAT:
        raise SegtrtError(
            f"{what} takes {onnx.TensorProto.DataType.Name(kind).lower()} as {given.name}; "
            "expected float32: export it in float32, without a conversion of the images"
        )
    if len(dims) not in (4, 5) or dims[1] is None:
        shape = ", ".join("?" if dim is None else str(dim) for dim in dims)
        raise SegtrtError(
            f"{what} takes ({shape}) as {given.name}; expected (patches, channels, height, width) "
            "or (patches, channels, depth, height, width) with a fixed number of channels: export "
            "it so, channels first"
        )
    return dims[1], tuple(dims[2:]), dims[0]


def _free_batch(model: "onnx.ModelProto", original: Run, images: np.ndarray) -> bool:
    """Free a fixed batch, if the graph then answers many images as the original does each."""
    import onnx

    freed = onnx.ModelProto()
    freed.CopyFrom(model)
    for value in (*freed.graph.input, *freed.graph.output):
        value.type.tensor_type.shape.dim[0].Clear()
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del freed.graph.value_info[:]
    try:
        agreed = agreement([images], original, GraphRun(freed), activation_of(freed))
    except SegtrtError:
        return False
    if not agreed.relative <= TOLERANCE:
        return False
    model.CopyFrom(freed)
    return True
