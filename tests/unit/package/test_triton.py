"""Triton's model repository, read with Triton's own protobuf; and what servers know of a model."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_unet_graphs as graphs
import tritonclient
from google.protobuf import text_format
from segtrt.errors import SegtrtError
from segtrt.package.served import ServedModel, describe_model, read_graph
from segtrt.package.triton import WARM_UP, config_text, write_repository
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import get_runtime
from segtrt.runtimes.serving import Serving

STATIC = graphs.unet_settings(4, Precision.FP32)
DYNAMIC = replace(STATIC, profile="dynamic", dynamic_min=1, dynamic_opt=8, dynamic_max=32)
FACTS = {"labels": '{"tumour \\"a\\"": 255, "größe": 1}\n'}


@pytest.fixture(scope="module")
def protobuf() -> Any:
    """Triton's own description of `config.pbtxt`; its package wants gRPC, the file does not."""
    path = Path(next(iter(tritonclient.__path__))) / "grpc/model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return graphs.write_tiny_unet(tmp_path_factory.mktemp("graph") / "model.onnx")


def served(graph: Path, settings: BuildSettings, serving: Serving) -> ServedModel:
    return describe_model(read_graph(graph), settings, takes_engine=serving.takes_engine)


CASES = {
    "onnxruntime": ("onnxruntime", STATIC, {"platform": "onnxruntime_onnx"}, 4, 4, "KIND_CPU"),
    "openvino": ("openvino", STATIC, {"backend": "openvino"}, 4, 4, "KIND_CPU"),
    "static plan": ("tensorrt", STATIC, {"platform": "tensorrt_plan"}, 0, None, "KIND_GPU"),
    "dynamic plan": ("tensorrt", DYNAMIC, {"platform": "tensorrt_plan"}, 32, 8, "KIND_GPU"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_configuration_is_tritons(
    protobuf: Any, graph: Path, tmp_path: Path, case: str
) -> None:
    name, settings, backend, most, preferred, kind = CASES[case]
    runtime = get_runtime(name)
    serving = runtime.serving(settings)
    (tmp_path / "model").write_bytes(b"the model")
    image = graphs.slices(1)
    write_repository(
        tmp_path / "triton",
        "brain",
        tmp_path / "model",
        serving=serving,
        served=served(graph, settings, serving),
        image=image,
        facts=FACTS,
        device=runtime.device,
    )
    place = tmp_path / "triton/brain"
    config = protobuf.ModelConfig()
    text_format.Parse((place / "config.pbtxt").read_text(), config)
    assert {key: getattr(config, key) for key in backend} == backend
    assert config.name == place.name
    assert (place / "1" / config.default_model_filename).read_bytes() == b"the model"
    assert config.max_batch_size == most
    lead = [] if most else [4]
    types = protobuf.DataType
    for tensors, title, shape in (
        (config.input, "input", graphs.SHAPE),
        (config.output, "output", (1, *graphs.SHAPE[1:])),
    ):
        (tensor,) = tensors
        assert (tensor.name, tensor.data_type) == (title, types.Value("TYPE_FP32"))
        assert list(tensor.dims) == [*lead, *shape]
    assert config.HasField("dynamic_batching") is bool(most)
    assert list(config.dynamic_batching.preferred_batch_size) == ([preferred] if most else [])
    (group,) = config.instance_group
    assert group.Kind.Name(group.kind) == kind
    (warm_up,) = config.model_warmup
    given = warm_up.inputs["input"]
    content = (place / "warmup" / given.input_data_file).read_bytes()
    assert given.input_data_file == WARM_UP
    assert list(given.dims) == [*lead, *graphs.SHAPE]
    read = np.frombuffer(content, np.float32).reshape(*(lead or [1]), *graphs.SHAPE)
    assert np.array_equal(read, np.repeat(image, 1 if most else 4, axis=0))
    assert config.parameters["labels"].string_value == FACTS["labels"]


def test_a_graph_with_a_fixed_batch_is_served_whole_batches(graph: Path, tmp_path: Path) -> None:
    fixed = graphs.write_tiny_unet(tmp_path / "fixed.onnx", batch=2)
    serving = get_runtime("openvino").serving(STATIC)
    found = served(fixed, STATIC, serving)
    assert (found.batches, found.batch) == (None, 2)
    text = config_text("x", serving=serving, served=found, facts={}, device="cpu")
    assert "max_batch_size: 0\n" in text
    assert "dynamic_batching" not in text
    assert served(graph, DYNAMIC, serving).batches == (1, 32)


def test_names_of_networks_are_quoted(protobuf: Any, graph: Path) -> None:
    serving = get_runtime("onnxruntime").serving(STATIC)
    known = served(graph, STATIC, serving)
    name = 'in"put\\:0 \t\n é'
    odd = replace(known, input=replace(known.input, name=name))
    text = config_text("x", serving=serving, served=odd, facts={}, device="cpu")
    config = text_format.Parse(text, protobuf.ModelConfig())
    assert config.input[0].name == name
    assert list(config.model_warmup[0].inputs) == [name]


def test_a_type_that_triton_has_not(graph: Path) -> None:
    serving = get_runtime("onnxruntime").serving(STATIC)
    known = served(graph, STATIC, serving)
    odd = replace(known, input=replace(known.input, kind="FLOAT8E4M3FN"))
    with pytest.raises(SegtrtError, match="no FLOAT8E4M3FN as input; leave triton out"):
        config_text("x", serving=serving, served=odd, facts={}, device="cpu")


def test_tensorrt_for_rtx_is_served_by_none() -> None:
    serving = get_runtime("tensorrt_rtx").serving(STATIC)
    assert serving.triton is None
    assert "no backend for TensorRT for RTX" in serving.refusal


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\xff\xff not a graph")
    with pytest.raises(SegtrtError, match=r"bad\.onnx is not an ONNX graph"):
        read_graph(tmp_path / "bad.onnx")
