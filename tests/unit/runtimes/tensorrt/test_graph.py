"""Graphs as TensorRT-RTX gets them compute what they did before."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.tensorrt import graph as graph_module
from segtrt.runtimes.tensorrt.graph import adapt_graph, split_upsampling, transpose_convolutions

CHANNELS = (6, 4)
"""Channels before and after the layer under test: unlike, so that mixing them up shows."""


def one_layer(operator: str, size: int, *, weights: int = 1, **attributes: object):
    """A model of one layer with a bias; `weights` layers of that kind share one kernel."""
    random = np.random.default_rng(0)
    first, last = CHANNELS if operator == "ConvTranspose" else CHANNELS[::-1]
    kernel = random.standard_normal((first, last, size, size)).astype(np.float32)
    bias = random.standard_normal(CHANNELS[1]).astype(np.float32)
    nodes = [
        helper.make_node(
            operator, ["input", "kernel", "bias"], [f"output{index}"], f"layer{index}", **attributes
        )
        for index in range(weights)
    ]
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", CHANNELS[0], 5, 7])],
        [
            helper.make_tensor_value_info(f"output{index}", TensorProto.FLOAT, list("nchw"))
            for index in range(weights)
        ],
        [
            onnx.numpy_helper.from_array(kernel, "kernel"),
            onnx.numpy_helper.from_array(bias, "bias"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def outputs(model: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    images = np.random.default_rng(1).standard_normal((2, CHANNELS[0], 5, 7), dtype=np.float32)
    return np.asarray(ReferenceEvaluator(model).run(None, {"input": images})[0])


def test_upsampling_becomes_convolution_and_shuffle():
    model = one_layer("ConvTranspose", 2, strides=[2, 2])
    expected = outputs(model)
    assert split_upsampling(model) == 1
    assert [node.op_type for node in model.graph.node] == ["Conv", "DepthToSpace"]
    assert model.graph.node[0].name == "layer0"
    np.testing.assert_allclose(outputs(model), expected, atol=1e-6)


def test_convolutions_become_transposed():
    model = one_layer("Conv", 3, pads=[1, 1, 1, 1], strides=[1, 1], kernel_shape=[3, 3])
    expected = outputs(model)
    assert transpose_convolutions(model) == 1
    assert [node.op_type for node in model.graph.node] == ["ConvTranspose"]
    np.testing.assert_allclose(outputs(model), expected, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        one_layer("ConvTranspose", 3, strides=[2, 2]),
        one_layer("ConvTranspose", 2, strides=[1, 1]),
        one_layer("ConvTranspose", 2, strides=[2, 2], output_padding=[1, 1]),
        one_layer("ConvTranspose", 2, strides=[2, 2], weights=2),
        one_layer("Conv", 3),
        one_layer("Conv", 3, pads=[1, 1, 1, 1], strides=[2, 2]),
        one_layer("Conv", 3, pads=[1, 1, 1, 1], dilations=[2, 2]),
        one_layer("Conv", 1),
        one_layer("Conv", 3, pads=[1, 1, 1, 1], weights=2),
    ],
)
def test_other_layers_stay(model: onnx.ModelProto):
    before = model.SerializeToString(deterministic=True)
    assert split_upsampling(model) == transpose_convolutions(model) == 0
    assert model.SerializeToString(deterministic=True) == before


def test_wide_upsampling_stays_if_so_wanted():
    model = one_layer("ConvTranspose", 2, strides=[2, 2])
    assert split_upsampling(model, CHANNELS[0] - 1) == 0
    assert split_upsampling(model, CHANNELS[0]) == 1


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory):
    """The whole network with random weights, (fp32 model, image, its probabilities)."""
    import onnxruntime
    import torch
    from exported_unet import export_unet
    from safetensors.torch import save_file
    from segtrt.model.unet import build_unet

    folder: Path = tmp_path_factory.mktemp("unet")
    torch.manual_seed(0)
    save_file(build_unet(4).state_dict(), folder / "weights.safetensors")
    export_unet(folder / "weights.safetensors", 4, 20, folder / "model.onnx")
    image = np.random.default_rng(0).standard_normal((1, 3, 256, 256), dtype=np.float32)

    def run(model: onnx.ModelProto) -> np.ndarray:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        return np.asarray(session.run(None, {"input": image})[0])

    return folder / "model.onnx", run


@pytest.mark.parametrize(
    ("precision", "settings", "operators"),
    [
        ("fp32", {"batch_size": 1}, {"Conv": 1, "ConvTranspose": 22}),
        ("tf32", {"batch_size": 4}, {"Conv": 23, "DepthToSpace": 4}),
        ("fp8", {"batch_size": 32}, {"Conv": 23, "DepthToSpace": 4}),
    ],
)
def test_whole_network_stays_the_same(graphs, precision: str, settings: dict, operators: dict):
    path, run = graphs
    model = onnx.load(path)
    expected = run(model)
    adapt_graph(model, BuildSettings(precision=Precision(precision), **settings))
    kinds = [node.op_type for node in model.graph.node]
    assert {kind: kinds.count(kind) for kind in operators} == operators
    np.testing.assert_allclose(run(model), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "split"),
    [
        ({"batch_size": 4}, True),
        ({"batch_size": 32}, False),
        ({"batch_size": 32, "profile": "dynamic", "dynamic_opt": 1}, True),
        ({"batch_size": 1, "profile": "dynamic", "dynamic_opt": 32}, False),
        ({"batch_size": 32, "precision": Precision.FP8}, True),
        ({"batch_size": 32, "precision": Precision.TF32}, True),
    ],
)
def test_wide_upsampling_is_split_in_small_batches(monkeypatch, settings: dict, split: bool):
    monkeypatch.setattr("segtrt.runtimes.tensorrt.graph._WIDE", CHANNELS[0] - 1)
    model = one_layer("ConvTranspose", 2, strides=[2, 2])
    adapt_graph(model, BuildSettings(**{"precision": Precision.FP16, **settings}))
    assert (model.graph.node[0].op_type == "Conv") == split


def two_layers(first: str, second: str):
    """A model of two upsampling layers with a convolution before each, named as in a mix."""
    random = np.random.default_rng(0)
    nodes, weights, source = [], [], "input"
    for name in (first, second):
        for operator, size, attributes in (
            ("Conv", 3, {"pads": [1, 1, 1, 1]}),
            ("ConvTranspose", 2, {"strides": [2, 2]}),
        ):
            own = f"{name}/{operator}"
            kernel = random.standard_normal((6, 6, size, size)).astype(np.float32)
            weights.append(onnx.numpy_helper.from_array(kernel, f"{own}.weight"))
            inputs = [source, f"{own}.weight"]
            nodes.append(helper.make_node(operator, inputs, [f"{own}/out"], own, **attributes))
            source = f"{own}/out"
    nodes[-1].output[0] = "output"
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 6, 5, 7])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, list("nchw"))],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize(
    ("batch", "low", "operators"),
    [
        (4, "fp8:b", ["ConvTranspose", "ConvTranspose", "Conv", "Conv", "DepthToSpace"]),
        (4, "fp16:b", ["ConvTranspose", "ConvTranspose", "Conv", "Conv", "DepthToSpace"]),
        (4, "b", ["ConvTranspose"] * 4),
    ],
)
def test_regions_of_a_mix_are_adapted_as_their_own_precision_is(
    batch: int, low: str, operators: list[str]
):
    """Float32 keeps its exact sums, and what was lowered is split as in a whole engine."""
    model = two_layers("a", low)
    expected = outputs(model)
    adapt_graph(model, BuildSettings(batch, Precision.MIXED))
    assert [node.op_type for node in model.graph.node] == operators
    np.testing.assert_allclose(outputs(model), expected, atol=1e-3, rtol=1e-4)


def test_wide_upsampling_of_a_float16_region_stays_in_large_batches(monkeypatch):
    monkeypatch.setattr(graph_module, "_WIDE", 5)
    model = two_layers("a", "fp16:b")
    adapt_graph(model, BuildSettings(8, Precision.MIXED))
    assert [node.op_type for node in model.graph.node] == [
        *("ConvTranspose", "ConvTranspose", "Conv", "ConvTranspose"),
    ]
