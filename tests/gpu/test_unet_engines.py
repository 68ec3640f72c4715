"""The published network's size (32 features) on the GPU, against PyTorch."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_unet import export_unet, unet_files
from prepared_shards import Made, write_shard
from segtrt.data.formats.read import read_file
from segtrt.data.normalise import normalise_slice
from segtrt.errors import SegtrtError
from segtrt.graphs.calibration import CalibrationImages
from segtrt.graphs.convert import convert_onnx
from segtrt.model.network_file import UNET
from segtrt.model.reference import predict
from segtrt.precision import SOURCE, Graph, Precision
from segtrt.runtimes.base import BuildSettings, Images, Runtime, UnsupportedError

FEATURES = 32
PATCH, OUTPUT = (3, 256, 256), (1, 256, 256)
DEMO = Path(__file__).resolve().parents[2] / "data/demo"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, drawn with a fixed seed."""
    import torch
    from safetensors.torch import save_file
    from segtrt.model.unet import build_unet

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_file(build_unet(FEATURES).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def graphs(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Graph, Path]:
    """The graphs that need no calibration; without OpenVINO bf16 cannot be proven and is absent."""
    folder = tmp_path_factory.mktemp("graphs")
    found = {SOURCE: folder / "fp32.onnx"}
    export_unet(weights, FEATURES, 20, found[SOURCE])
    for graph in (Graph.FP16, Graph.BF16):
        if graph is Graph.FP16 or find_spec("openvino"):
            convert_onnx(found[SOURCE], graph, folder / f"{graph}.onnx")
            found[graph] = folder / f"{graph}.onnx"
    return found


@pytest.fixture(scope="module")
def expected(weights: Path, images: Images) -> np.ndarray:
    """PyTorch's float32 probabilities."""
    return predict(unet_files(weights, FEATURES), UNET, images)


def settings_of(batch_size: int, precision: Precision, **more: Any) -> BuildSettings:
    return BuildSettings(batch_size, precision, patch=PATCH, output=OUTPUT, **more)


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [("fp32", 1e-5), ("tf32", 2e-3), ("fp16", 2e-3), ("bf16", 2e-2)],
)
def test_engine_agrees_with_torch_and_proves_its_precision(
    *, runtime: Runtime, graphs, images: Images, expected, tmp_path: Path, precision, tolerance
):
    settings = settings_of(8, Precision(precision))
    if runtime.graph(settings.precision) not in graphs:
        pytest.skip("OpenVINO, which graphs in bf16 are proven in, is not installed")
    engine = tmp_path / "engine.bin"
    result = runtime.build(graphs[runtime.graph(settings.precision)], settings, None)
    engine.write_bytes(result.engine)
    with runtime.load(engine, settings, mode="graph") as session:
        found = session.run(images)
        layers = session.layers()
    if precision == "fp32":
        assert np.abs(found - expected).max() < 1e-4
    # Relative to how far the probabilities lie from their mean: random weights give nearly 0.5.
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error < tolerance
    assert layers
    kinds = {layer.dtype for layer in layers if "conv" in layer.kind.lower()}
    # TF32 does not show in tensors; transposed convolutions stay float32 in the bf16 graph.
    assert precision in kinds | ({"tf32"} if "fp32" in kinds else set())
    assert kinds <= {precision, "fp32"}
    work = dict.fromkeys(kinds, 0.0)
    for layer in layers:
        work[layer.dtype] = work.get(layer.dtype, 0.0) + (layer.flops or 0.0)
    if precision != "tf32":
        assert work[precision] > 0.9 * sum(work.values())


def test_float32_engine_agrees_with_torch_on_trained_weights(runtime: Runtime, tmp_path: Path):
    # Random weights give probabilities of nearly 0.5, which hide most errors of the layers before.
    weights = DEMO / "weights.safetensors"
    paths = [DEMO / f"kaggle_3m/DEMO_0001/DEMO_0001_{number}.tif" for number in range(6, 14)]
    images = np.stack([normalise_slice(read_file(p).array.transpose(1, 2, 0)) for p in paths])
    graph, engine = tmp_path / "model.onnx", tmp_path / "engine.bin"
    export_unet(weights, 16, 20, graph)
    settings = settings_of(8, Precision.FP32)
    engine.write_bytes(runtime.build(graph, settings, None).engine)
    with runtime.load(engine, settings) as session:
        found = session.run(images)
    expected = predict(unet_files(weights, 16), UNET, images)
    assert expected.max() > 0.9
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.FP8])
def test_quantised_engine_is_built_or_refused_in_one_line(
    *, runtime: Runtime, graphs, images: Images, expected, tmp_path: Path, precision: Precision
):
    graph = tmp_path / "model.onnx"
    items = [
        Made("NOISE", str(row), image, split="calibration") for row, image in enumerate(images)
    ]
    shard = write_shard(tmp_path / "calibration.safetensors", items)
    calibration = CalibrationImages([shard], [(0, row) for row in range(len(images))])
    convert_onnx(graphs[SOURCE], runtime.graph(precision), graph, calibration)
    settings = settings_of(8, precision)
    engine = tmp_path / "engine.bin"
    try:
        engine.write_bytes(runtime.build(graph, settings, None).engine)
        with runtime.load(engine, settings) as session:
            found = session.run(images)
    except (UnsupportedError, SegtrtError) as error:
        assert "\n" not in str(error)
        pytest.skip(str(error))
    assert np.abs(found - expected).mean() < 0.05


def test_engine_built_for_other_gpus_runs_here_or_says_why_not(
    runtime: Runtime, graphs, images: Images, expected, tmp_path: Path
):
    if runtime.name != "tensorrt_rtx":
        pytest.skip("TensorRT builds for the GPU here only")
    settings = settings_of(1, Precision.FP16, compute_capabilities=("8.0", "8.6", "8.9", "12.0"))
    engine = tmp_path / "engine.bin"
    engine.write_bytes(runtime.build(graphs[Graph.FP16], settings, None).engine)
    try:
        with runtime.load(engine, settings) as session:
            found = session.run(images[:1])
    except SegtrtError as error:
        assert "does not fit this machine" in str(error)
    else:
        assert np.abs(found - expected[:1]).max() < 0.01
