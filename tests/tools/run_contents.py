"""What a finished run's outputs are, so that two runs can be compared."""

import hashlib
import json
from pathlib import Path
from typing import Any

BYTE_FOR_BYTE = (
    *("dataset/**/*", "tensors/*", "model/*", "onnx/**/*", "reference/*.safetensors"),
    *("answers/**/*", "predictions/**/*", "scores/**/*"),
)
"""Below results/; an engine's answers and scores stand for the engine itself."""

OF_A_RECORD = ("runtime", "settings", "graph", "status", "graph_sha256", "target", "code")
"""What two builds of an engine have in common; the file and how long it took may differ."""

TYPES: dict[str, set[str]] = {
    "fp32": set(),
    "fp16": {"FLOAT16"},
    "bf16": {"BFLOAT16"},
    "int8": {"INT8", "UINT8"},
    "int8_openvino": {"INT8", "UINT8"},
    "int8_signed": {"INT8"},
    "fp8": {"FLOAT8E4M3FN"},
}
"""Graph -> types of its kernels and zero points, but for float32."""


def contents(folder: Path) -> dict[str, Any]:
    """Hashes by path of all that two runs must have alike, and what is alike of engines."""
    results = folder / "results"
    found: dict[str, Any] = {
        path.relative_to(results).as_posix(): sha256(path)
        for pattern in BYTE_FOR_BYTE
        for path in results.glob(pattern)
        if path.is_file() and not path.name.startswith(".")
    }
    for path in results.glob("engines/**/engine.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert record["engine_sha256"] == sha256(path.with_name("engine.bin")), path
        name = path.parent.relative_to(results).as_posix()
        found[name] = {key: record[key] for key in OF_A_RECORD}
    return found


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stored_types(graph: Path) -> set[str]:
    """Types of the kernels and zero points in an ONNX file, but for float32."""
    import onnx

    model = onnx.load(graph)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    kernels = {name for name, tensor in tensors.items() if len(tensor.dims) == 4}
    points = {
        node.input[2]
        for node in model.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and len(node.input) > 2
    }
    return {
        onnx.TensorProto.DataType.Name(tensors[name].data_type)
        for name in (kernels | points) & tensors.keys()
    } - {"FLOAT"}
