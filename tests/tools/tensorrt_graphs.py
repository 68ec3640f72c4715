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


def quantised_graph(path: Path) -> Path:
    """Write an int8 convolution 3x3: (batch, 3, 256, 256) to (batch, 8, 256, 256), float32 outside.

    Codes are signed with a zero point of 0, as TensorRT takes them; kernels are coded by channel.
    """
    import onnx
    from onnx import TensorProto, helper

    random = np.random.default_rng(0)
    kernel = random.integers(-127, 128, (CHANNELS, 3, 3, 3), np.int8)
    constants = {
        "kernel": kernel,
        "kernel_scale": np.full(CHANNELS, 0.01, np.float32),
        "kernel_zero": np.zeros(CHANNELS, np.int8),
        "scale": np.array(0.02, np.float32),
        "zero": np.array(0, np.int8),
    }
    node = helper.make_node
    nodes = [
        node("QuantizeLinear", ["input", "scale", "zero"], ["codes"], name="quantise"),
        node("DequantizeLinear", ["codes", "scale", "zero"], ["coded"], name="dequantise"),
        node("DequantizeLinear", ["kernel", "kernel_scale", "kernel_zero"], ["wide"], axis=0),
        node("Conv", ["coded", "wide"], ["output"], name="conv", pads=[1, 1, 1, 1]),
    ]
    image, answer = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, 256, 256])
        for name, channels in (("input", 3), ("output", CHANNELS))
    )
    weights = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "quantised", [image], [answer], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)]), path)
    return path
