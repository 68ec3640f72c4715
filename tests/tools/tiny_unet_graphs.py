"""A small U-shaped segmentation network as ONNX graphs, for tests of runtimes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from segtrt.precision import Precision
from segtrt.runtimes.description import BuildSettings

SHAPE = (3, 256, 256)


def unet_settings(batch_size: int, precision: Precision, **more: Any) -> BuildSettings:
    """Settings of an engine of these graphs."""
    output = (1, *SHAPE[1:])
    return BuildSettings(batch_size, precision, patch=SHAPE, output=output, **more)


def slices(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Images with structure, (count, 3, 256, 256) float32, about z-scored."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(count, 3, 16, 16)).repeat(16, axis=2).repeat(16, axis=3)
    return (coarse + 0.2 * rng.normal(size=(count, *SHAPE))).astype(np.float32)


def write_tiny_unet(path: Path, batch: int | str = "batch") -> Path:
    """Write the fp32 graph: one level down and up again, a skip connection, 9 kB of weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(1)
    weights: list[Any] = []
    nodes: list[Any] = []

    def weight(name: str, *shape: int) -> str:
        values = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
        weights.append(numpy_helper.from_array(values, name))
        return name

    def add(operation: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(operation, inputs, [output], f"n_{output}", **attributes))
        return output

    def convolution(source: str, name: str, out: int, into: int) -> str:
        inputs = [source, weight(f"{name}.w", out, into, 3, 3), weight(f"{name}.b", out)]
        add("Conv", inputs, name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        return add("Relu", [name], f"{name}.relu")

    skip = convolution("input", "down", 8, 3)
    pooled = add("MaxPool", [skip], "pool", kernel_shape=[2, 2], strides=[2, 2])
    bottom = convolution(pooled, "bottom", 16, 8)
    up = [bottom, weight("up.w", 16, 8, 2, 2), weight("up.b", 8)]
    raised = add("ConvTranspose", up, "up", kernel_shape=[2, 2], strides=[2, 2])
    joined = add("Concat", [raised, skip], "cat", axis=1)
    last = convolution(joined, "last", 8, 16)
    head = [last, weight("head.w", 1, 8, 1, 1), weight("head.b", 1)]
    add("Sigmoid", [add("Conv", head, "head", kernel_shape=[1, 1])], "output")
    graph = helper.make_graph(
        nodes,
        "tiny_unet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, *SHAPE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 1, *SHAPE[1:]])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def write_int8(fp32: Path, path: Path) -> Path:
    """Write the graph with quantise/dequantise pairs, calibrated on `slices`."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches: Iterator[NDArray[np.float32]] = iter([slices(2, seed=7)])

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            images = next(self.batches, None)
            return None if images is None else {"input": images}

    quantize_static(
        fp32,
        path,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return path


def write_bf16(fp32: Path, path: Path) -> Path:
    """Write the graph in bf16 between two casts."""
    import ml_dtypes
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(fp32)
    graph = model.graph
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor).astype(ml_dtypes.bfloat16)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for node in graph.node:
        node.input[:] = ["input_bf16" if name == "input" else name for name in node.input]
        node.output[:] = ["output_bf16" if name == "output" else name for name in node.output]
    graph.node.insert(
        0, helper.make_node("Cast", ["input"], ["input_bf16"], to=TensorProto.BFLOAT16)
    )
    graph.node.append(helper.make_node("Cast", ["output_bf16"], ["output"], to=TensorProto.FLOAT))
    onnx.save(model, path)
    return path


def run_with_onnxruntime(graph: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The graph's own output, one slice at a time, nothing fused: what engines must agree with."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    outputs = [session.run(None, {"input": image[None]})[0] for image in images]
    return np.concatenate(outputs)
