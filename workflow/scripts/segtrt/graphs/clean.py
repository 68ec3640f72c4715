"""ONNX graphs as files: read, checked, and written reproducibly."""

from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError, name_some
from segtrt.files import write_bytes

if TYPE_CHECKING:
    import onnx

INPUT = "input"
OUTPUT = "output"


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
    _load_external_data(model, path)
    if not model.graph.node:
        raise SegtrtError(f"ONNX graph {path} has no nodes; delete it and run the workflow again")
    return model


def _load_external_data(model: "onnx.ModelProto", path: Path) -> None:
    """Bring weights that lie in files beside the graph's into it."""
    from onnx.external_data_helper import load_external_data_for_model, uses_external_data

    places = {
        entry.value
        for tensor in model.graph.initializer
        if uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    if not places:
        return
    try:
        load_external_data_for_model(model, str(path.parent))
    # A missing file, one that ends too early and a place outside the folder fail in their own ways.
    except Exception as error:
        raise SegtrtError(
            f"the weights of ONNX graph {path} lie in {name_some(sorted(places))}, which cannot be "
            f"read ({type(error).__name__}); put that file beside the graph"
        ) from None


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
