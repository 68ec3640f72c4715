"""Small ONNX graphs for the tests of TensorRT."""

from pathlib import Path
from typing import Any

import numpy as np

CHANNELS = 8


def convolution_graph(
    path: Path, precision: str = "fp32", *, broken: str = "", batch: int | str = "batch"
) -> Path:
    """Write conv 3x3, ReLU, conv 1x1, sigmoid: (batch, 3, 256, 256) to (batch, 1, 256, 256).

    Input and output are float32; between them it computes in `precision` (fp32, fp16 or bf16).

    Args:
        path: the file to write.
        precision: see above.
        broken: operator of a node `broken_node` that is put before the sigmoid: an unknown name, or
            `Add` to add a tensor that does not exist.
        batch: size of the first axis, or its name if it is free.
    """
    import ml_dtypes
    import onnx
    from onnx import TensorProto, helper

    numeric: dict[str, tuple[int, Any]] = {
        "fp32": (TensorProto.FLOAT, np.float32),
        "fp16": (TensorProto.FLOAT16, np.float16),
        "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
    }
    tensor_type, dtype = numeric[precision]
    random = np.random.default_rng(0)
    weights = [
        onnx.numpy_helper.from_array(
            (random.normal(size=shape) / 4).astype(np.float32).astype(dtype), name
        )
        for name, shape in (("kernel1", (CHANNELS, 3, 3, 3)), ("kernel2", (1, CHANNELS, 1, 1)))
    ]
    node = helper.make_node
    nodes = [
        node("Cast", ["input"], ["narrow"], name="cast_in", to=tensor_type),
        node("Conv", ["narrow", "kernel1"], ["features"], name="conv1", pads=[1, 1, 1, 1]),
        node("Relu", ["features"], ["rectified"], name="relu"),
        node("Conv", ["rectified", "kernel2"], ["logits"], name="conv2"),
    ]
    logits = "logits"
    if broken:
        inputs = ["logits", "missing"] if broken == "Add" else ["logits"]
        nodes.append(node(broken, inputs, ["odd"], name="broken_node"))
        logits = "odd"
    nodes += [
        node("Cast", [logits], ["wide"], name="cast_out", to=TensorProto.FLOAT),
        node("Sigmoid", ["wide"], ["output"], name="sigmoid"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, 256, 256])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 1, 256, 256])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.save(model, path)
    return path


def convolution_reference(graph: Path, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the float32 graph gives, by ONNX's own reference implementation."""
    from onnx.reference import ReferenceEvaluator

    return np.asarray(ReferenceEvaluator(str(graph)).run(None, {"input": images})[0])
