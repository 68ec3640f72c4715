"""Building ONNX Runtime engines, and telling what their operations compute in."""

import tempfile
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError
from segtrt.graphs.engine_shape import fix_for_engine
from segtrt.runtimes.base import BuildResult, BuildSettings, Layer
from segtrt.runtimes.cpu.messages import last_line, precision_notes

if TYPE_CHECKING:
    import onnx

_FATAL = 4
"""Log severity: what goes wrong is raised, and reported in one line."""


def build(graph: Path, settings: BuildSettings) -> BuildResult:
    """Optimise a graph for this CPU, at the level "all".

    Raises:
        SegtrtError: the graph is not one that ONNX Runtime reads, or its batch is not free.
    """
    import onnx
    import onnxruntime as ort

    source = _read_graph(graph)
    fix_for_engine(source, settings, graph)
    source = onnx.shape_inference.infer_shapes(source)
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "model.onnx"
        options.optimized_model_filepath = str(optimised)
        try:
            ort.InferenceSession(
                source.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise SegtrtError(
                f"ONNX Runtime cannot build an engine from {graph} ({last_line(error)}); delete "
                "the graph and run the workflow again"
            ) from error
        engine = optimised.read_bytes()
    layers = _layers(onnx.load_from_string(engine), source)
    return BuildResult(engine, layers, precision_notes(layers, settings.precision))


def _read_graph(graph: Path) -> "onnx.ModelProto":
    import onnx

    try:
        return onnx.load(graph)
    except FileNotFoundError:
        raise SegtrtError(f"graph {graph} does not exist; run the workflow to make it") from None
    except Exception as error:
        raise SegtrtError(
            f"{graph} is not an ONNX graph ({last_line(error)}); delete it and run the workflow "
            "again"
        ) from error


def _layers(engine: "onnx.ModelProto", source: "onnx.ModelProto") -> list[Layer]:
    """The engine's operations in order.

    The optimised graph has no shapes in layouts of its own, so a convolution's count of operations
    is that of the source graph's convolution of the same kind and kernel in the same place of the
    order; it is left out if the two graphs differ in how many of those there are.
    """
    types = {tensor.name: tensor.data_type for tensor in engine.graph.initializer}
    for value in (*engine.graph.input, *engine.graph.output, *engine.graph.value_info):
        types[value.name] = value.type.tensor_type.elem_type
    counts = _source_flops(source)
    kinds = [_kernel(node) for node in engine.graph.node]
    remaining = {
        kind: iter(flops) for kind, flops in counts.items() if kinds.count(kind) == len(flops)
    }
    return [
        Layer(
            name=node.name,
            kind=node.op_type,
            dtype=_dtype(node, types),
            flops=next(remaining[kind]) if kind in remaining else None,
        )
        for node, kind in zip(engine.graph.node, kinds, strict=True)
    ]


def _kernel(node: "onnx.NodeProto") -> str | None:
    """A convolution's kind and kernel, e.g. `Conv 3x3`; None for any other operation."""
    for kind in ("ConvTranspose", "Conv"):
        if node.op_type.endswith(kind):
            sizes = next((a.ints for a in node.attribute if a.name == "kernel_shape"), ())
            return f"{kind} {'x'.join(map(str, sizes))}"
    return None


def _source_flops(model: "onnx.ModelProto") -> dict[str, list[float | None]]:
    """Floating-point operations (a multiply-add is two) of the convolutions, in order, by kernel.

    A convolution's weights are (out, in / groups, *kernel), a transposed one's (in, out / groups,
    *kernel): each output (or input) value meets the weights of its own channel.
    """
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        dimensions = value.type.tensor_type.shape.dim
        if all(dimension.HasField("dim_value") for dimension in dimensions):
            shapes[value.name] = [dimension.dim_value for dimension in dimensions]
    counts: dict[str, list[float | None]] = {}
    for node in model.graph.node:
        kernel = _kernel(node)
        if kernel is not None:
            transposed = kernel.startswith("ConvTranspose")
            values = shapes.get(node.input[0] if transposed else node.output[0])
            weights = shapes.get(node.input[1])
            known = values is not None and weights is not None
            flops = 2.0 * prod(values or ()) * prod((weights or ())[1:]) if known else None
            counts.setdefault(kernel, []).append(flops)
    return counts


def _dtype(node: "onnx.NodeProto", types: dict[str, int]) -> str:
    """Type in which an operation computes: by its name, else by the first type that is known."""
    from onnx import TensorProto

    if node.op_type.startswith("QLinear") or node.op_type == "ConvInteger":
        return "int8"
    names: dict[int, str] = {
        TensorProto.FLOAT: "fp32",
        TensorProto.FLOAT16: "fp16",
        TensorProto.BFLOAT16: "bf16",
        TensorProto.UINT8: "int8",
        TensorProto.INT8: "int8",
    }
    seen = [types[name] for name in (*node.input, *node.output) if name in types]
    return names.get(seen[0], "other") if seen else "other"
