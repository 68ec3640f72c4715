"""Networks of a few weights, each with one property of real ones, and graphs of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

THREE_LINES = '''
import torch

def network(classes, channels=3):
    """A user's own network."""
    torch.manual_seed(3)
    first = torch.nn.Conv2d(channels, 8, 3, padding=1)
    return torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Conv2d(8, classes, 1))
'''


def onnx_graph(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    *,
    given: Sequence[int | str | None] = (None, 3, None, None),
    answers: Sequence[str] = ("y",),
    kind: int = TensorProto.FLOAT,
    opset: int = 20,
) -> Path:
    """Write a graph of one input, `x`, whose outputs have any shape."""
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in weights.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in answers]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kind, list(given))], outputs, tensors
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def weight(*shape: int, seed: int = 0) -> np.ndarray:
    """Random float32 weights."""
    return np.random.default_rng(seed).normal(0, 0.4, shape).astype(np.float32)
