"""ONNX graphs as files: read, named canonically, stripped, checked, and written reproducibly."""

import ast
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError
from segtrt.files import write_bytes

if TYPE_CHECKING:
    import onnx

INPUT = "input"
OUTPUT = "output"
_SCOPES = "pkg.torch.onnx.name_scopes"


def read_graph(path: Path) -> "onnx.ModelProto":
    """Read an ONNX file.

    Raises:
        SegtrtError: the file is missing or is not an ONNX model.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except FileNotFoundError:
        raise SegtrtError(
            f"ONNX graph {path} does not exist; run the workflow to make it"
        ) from None
    except DecodeError:
        raise SegtrtError(
            f"{path} is not an ONNX model; delete it and run the workflow again"
        ) from None
    if not model.graph.node:
        raise SegtrtError(f"ONNX graph {path} has no nodes; delete it and run the workflow again")
    return model


def write_graph(model: "onnx.ModelProto", path: Path, properties: dict[str, str]) -> None:
    """Infer shapes, check the model in full and write it, whole or not at all.

    Args:
        model: the model; its intermediate shapes and metadata are replaced.
        path: the file to make.
        properties: the model's metadata, e.g. `{"segtrt.precision": "fp16"}`.

    Raises:
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: the model is not valid.
    """
    import onnx

    del model.graph.value_info[:]
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(sorted(properties.items())))
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    write_bytes(path, model.SerializeToString(deterministic=True))


def clean_graph(model: "onnx.ModelProto") -> None:
    """Give everything a canonical name and drop all that tells where and with what it was made.

    Nodes are named after the module they come from (`encoder1/enc1conv1`), their results
    `encoder1/enc1conv1/out`, weights as in the state dict. Stack traces, documentation,
    metadata and the exporter's version go; attributes are put in order.
    """
    _rename(model.graph)
    _strip(model)
    model.producer_name = "segtrt"
    model.producer_version = ""
    model.graph.name = "unet"
    for node in model.graph.node:
        ordered = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(ordered)


def weight_inputs(graph: "onnx.GraphProto") -> "dict[str, onnx.TensorProto]":
    """The graph's initialisers by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def raise_opset(model: "onnx.ModelProto", at_least: int) -> None:
    """Bring the model to operator set `at_least`, if it is older.

    It replaces the model's content: take `model.graph` afterwards, not before.
    """
    import onnx

    if model.opset_import[0].version < at_least:
        model.CopyFrom(onnx.version_converter.convert_version(model, at_least))


def _strip(message: Any) -> None:
    """Drop documentation and metadata of a message and of all messages within it."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                _strip(part)


def _module(node: "onnx.NodeProto", weights: "dict[str, onnx.TensorProto]") -> str:
    """Dotted path of the module that a node comes from; empty for the network itself."""
    for name in node.input:
        if name in weights:
            return str(name).rpartition(".")[0]
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            # Scopes from the network inwards; the last one is the operation itself.
            scopes: list[str] = ast.literal_eval(entry.value)
            return "".join(scopes[-2:-1])
    return ""


def _rename(graph: "onnx.GraphProto") -> None:
    weights = weight_inputs(graph)
    fixed = {value.name for value in [*graph.input, *graph.output]}
    renamed: dict[str, str] = {}
    used: Counter[str] = Counter()
    order: list[str] = []
    for node in graph.node:
        module = _module(node, weights)
        base = (module or node.op_type.lower()).replace(".", "/")
        used[base] += 1
        node.name = base if used[base] == 1 else f"{base}_{used[base]}"
        for role, name in zip(("weight", "bias"), node.input[1:], strict=False):
            if name in weights and name not in renamed:
                renamed[name] = f"{module}.{role}"
                order.append(name)
        for number, name in enumerate(node.output):
            if name not in fixed:
                renamed[name] = f"{node.name}/out{number or ''}"
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    del graph.initializer[:]
    for name in order:
        weights[name].name = renamed[name]
        graph.initializer.append(weights[name])
