"""A float32 graph with every operator of the U-Net, small enough to run in milliseconds."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 16


def small_graph(path: Path, opset: int = 20, factor: float = 1.0) -> Path:
    """Write the graph: encoder, pooling, bottleneck, upsampling, concatenation, sigmoid.

    Args:
        path: the file to make.
        opset: operator set.
        factor: multiplies the weights of the first convolution.
    """
    rng = np.random.default_rng(7)
    weights: list[onnx.TensorProto] = []

    def convolution(kind: str, name: str, source: str, shape: tuple[int, ...], **attributes: Any):
        scale = np.sqrt(2 / (np.prod(shape) / shape[0]))
        values = rng.normal(0, scale, shape).astype(np.float32)
        # Channels of very different sizes: one scale for all of them would lose the small ones.
        axis = 0 if kind == "Conv" else 1
        sizes = np.geomspace(0.05, 1, shape[axis]) if shape[axis] > 1 else np.ones(1)
        values *= sizes.reshape([-1 if i == axis else 1 for i in range(4)]).astype(np.float32)
        if name == "first":
            values *= np.float32(factor)
        bias = rng.normal(0, 0.1, shape[axis]).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"{name}.weight"))
        weights.append(numpy_helper.from_array(bias, f"{name}.bias"))
        inputs = [source, f"{name}.weight", f"{name}.bias"]
        return helper.make_node(kind, inputs, [f"{name}/out"], name=name, **attributes)

    def simple(kind: str, name: str, sources: list[str], **attributes: Any):
        return helper.make_node(kind, sources, [f"{name}/out"], name=name, **attributes)

    c = CHANNELS
    around = {"pads": [1, 1, 1, 1]}
    half = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        convolution("Conv", "first", "input", (c, 3, 3, 3), **around),
        simple("Relu", "relu1", ["first/out"]),
        simple("MaxPool", "pool", ["relu1/out"], **half),
        convolution("Conv", "second", "pool/out", (2 * c, c, 3, 3), **around),
        simple("Relu", "relu2", ["second/out"]),
        convolution("ConvTranspose", "up", "relu2/out", (2 * c, c, 2, 2), **half),
        simple("Concat", "concat", ["up/out", "relu1/out"], axis=1),
        convolution("Conv", "third", "concat/out", (c, 2 * c, 3, 3), **around),
        simple("Relu", "relu3", ["third/out"]),
        convolution("Conv", "last", "relu3/out", (1, c, 1, 1)),
        helper.make_node("Sigmoid", ["last/out"], ["output"], name="sigmoid"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 256, 256])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 1, 256, 256])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def images(count: int, seed: int = 3) -> list[NDArray[np.float32]]:
    """Images of noise, (1, 3, 256, 256) each, with some structure of their own."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(0.2 * i, 1, (1, 3, 256, 256)).astype(np.float32) for i in range(1, count + 1)
    ]


def run(path: Path, batch: NDArray[np.float32], optimise: bool = True) -> NDArray[np.float32]:
    """Run a graph in ONNX Runtime; without optimisation it knows float8 on a CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": batch})[0]
