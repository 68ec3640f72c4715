"""A network of which one known region is ruined by 8 bits: a channel of outliers leads into it."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIZE = 32
RUINED = "c"
"""Module whose input has the outliers."""

_OUTLIER = 3000.0
_CHANNELS = 16


def ruined_network(path: Path) -> Path:
    """Write the graph: modules `a`, `b`, `c` and `head`, which find what is bright.

    The first channel that `b` gives is some thousand times the others, and `c` makes next to
    nothing of it: in float32 it changes nothing; in codes with one scale for all it leaves no room
    for the other channels.
    """
    rng = np.random.default_rng(5)
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def convolution(module: str, source: str, values: NDArray[np.float64], bias: float) -> str:
        name = f"{module}/conv"
        for role, array in (
            ("weight", values.astype(np.float32)),
            ("bias", np.full(len(values), bias, np.float32)),
        ):
            weights.append(numpy_helper.from_array(array, f"{module}.conv.{role}"))
        side = values.shape[-1]
        nodes.append(
            helper.make_node(
                "Conv",
                [source, f"{module}.conv.weight", f"{module}.conv.bias"],
                [f"{name}/out"],
                name=name,
                kernel_shape=[side, side],
                pads=[side // 2] * 4,
            )
        )
        return f"{name}/out"

    def relu(module: str, source: str) -> str:
        name = f"{module}/relu"
        nodes.append(helper.make_node("Relu", [source], [f"{name}/out"], name=name))
        return f"{name}/out"

    def mixing(inputs: int) -> NDArray[np.float64]:
        """3x3 weights by which every channel is about the mean of its inputs."""
        values = rng.uniform(0.5, 1.5, (_CHANNELS, inputs, 3, 3))
        return values / values.sum(axis=(1, 2, 3), keepdims=True)

    first, second, third = mixing(3), mixing(_CHANNELS), mixing(_CHANNELS)
    second[0] *= _OUTLIER
    third[:, 0] *= 1e-3 / _OUTLIER
    last = np.full((1, _CHANNELS, 1, 1), 12.0 / _CHANNELS)
    found = relu("a", convolution("a", "input", first, 0.0))
    found = relu("b", convolution("b", found, second, 0.0))
    found = relu("c", convolution("c", found, third, 0.0))
    logits = convolution("head", found, last, -5.0)
    nodes.append(helper.make_node("Sigmoid", [logits], ["output"], name="head/sigmoid"))
    shape: list[int | str] = ["batch", 3, SIZE, SIZE]
    graph = helper.make_graph(
        nodes,
        "ruined",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 1, SIZE, SIZE])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
    return path


def bright_squares(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Images with a bright square each on a dark ground, (count, 3, 32, 32) float32."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.0, 0.2, (count, 3, SIZE, SIZE))
    for image in images:
        top, left = rng.integers(2, 14, 2)
        image[:, top : top + 14, left : left + 14] += 0.8
    return images.astype(np.float32)
