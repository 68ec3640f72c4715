"""OpenVINO engines on a small U-shaped network."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from segtrt.errors import SegtrtError
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildResult, BuildSettings
from segtrt.runtimes.registry import get_runtime
from tiny_unet_graphs import run_with_onnxruntime, slices, unet_settings, write_tiny_unet

RUNTIME = get_runtime("openvino")


def built(graph: Path, folder: Path, settings: BuildSettings) -> tuple[Path, BuildResult]:
    result = RUNTIME.build(graph, settings, None)
    engine = folder / "engine.bin"
    engine.write_bytes(result.engine)
    return engine, result


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("int8", 0.05)])
def test_engine_agrees_with_the_graph(
    precision: str, tolerance: float, tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    """The tolerance of fp32 is far below bf16's, which OpenVINO takes if it is left to itself."""
    settings = unet_settings(3, Precision(precision))
    engine, _ = built(tiny_graphs[precision], tmp_path, settings)
    images = slices(3)
    expected = run_with_onnxruntime(tiny_graphs[precision], images)
    with RUNTIME.load(engine, settings) as session:
        probabilities = session.run(images)
    assert probabilities.shape == (3, 1, 256, 256)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=tolerance)
    assert np.abs(probabilities - expected).mean() < tolerance / 10


def test_bf16_graph_computes_in_bf16(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    settings = unet_settings(2, Precision.BF16)
    reason = RUNTIME.unsupported(settings)
    if reason:
        pytest.skip(reason)
    engine, result = built(tiny_graphs["bf16"], tmp_path, settings)
    assert {layer.dtype for layer in result.layers if layer.flops} == {"bf16"}
    images = slices(2)
    expected = run_with_onnxruntime(tiny_graphs["fp32"], images)
    with RUNTIME.load(engine, settings) as session:
        error = np.abs(session.run(images) - expected)
    assert 1e-4 < error.max() < 0.05


def test_int8_graph_computes_in_int8(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    _, result = built(tiny_graphs["int8"], tmp_path, unet_settings(2, Precision.INT8))
    convolutions = [layer for layer in result.layers if layer.flops]
    assert len(convolutions) == 5
    by_type = {layer.kind: layer.dtype for layer in convolutions}
    assert by_type["Convolution"] == "int8"


def test_fp32_layers(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    _, result = built(tiny_graphs["fp32"], tmp_path, unet_settings(3, Precision.FP32))
    convolutions = [layer for layer in result.layers if layer.flops]
    assert {layer.dtype for layer in convolutions} == {"fp32"}
    one = 2 * (8 * 3 * 9 * 256**2 + 16 * 8 * 9 * 128**2 + 16 * 8 * 4 * 128**2)
    one += 2 * (8 * 16 * 9 * 256**2 + 8 * 256**2)
    assert sum(layer.flops or 0 for layer in convolutions) == 3 * one
    assert result.notes == []


def test_partial_batch_is_padded_and_cut(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    settings = unet_settings(4, Precision.FP32)
    engine, _ = built(tiny_graphs["fp32"], tmp_path, settings)
    images = slices(4)
    with RUNTIME.load(engine, settings, threads=1) as session:
        whole = session.run(images)
        for count in (1, 3):
            part = session.run(images[:count])
            assert part.shape == (count, 1, 256, 256)
            np.testing.assert_allclose(part, whole[:count], atol=1e-6)


def test_results_outlive_the_next_run(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    settings = unet_settings(1, Precision.FP32)
    engine, _ = built(tiny_graphs["fp32"], tmp_path, settings)
    with RUNTIME.load(engine, settings) as session:
        first = session.run(slices(1))
        kept = first.copy()
        session.run(slices(1, seed=5))
    np.testing.assert_array_equal(first, kept)


def test_dynamic_engine_takes_any_batch_of_its_range(
    tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    settings = unet_settings(3, Precision.FP32, profile="dynamic", dynamic_min=2, dynamic_max=4)
    engine, _ = built(tiny_graphs["fp32"], tmp_path, settings)
    images = slices(3)
    expected = run_with_onnxruntime(tiny_graphs["fp32"], images)
    with RUNTIME.load(engine, settings) as session:
        for count in (1, 2, 3):
            result = session.run(images[:count])
            np.testing.assert_allclose(result, expected[:count], atol=1e-5)


def test_engine_is_the_same_every_time_and_holds_no_path(
    tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from segtrt.runtimes.registry import get_runtime\n"
        "from segtrt.runtimes.base import BuildSettings; from segtrt.precision import Precision\n"
        "result = get_runtime('openvino').build(\n"
        "    Path(sys.argv[1]), BuildSettings(2, Precision.INT8, patch=(3, 256, 256)), None)\n"
        "Path(sys.argv[2]).write_bytes(result.engine)\n"
    )
    contents = []
    for name in ("a", "b"):
        copy = tmp_path / name / "model.onnx"
        copy.parent.mkdir()
        copy.write_bytes(tiny_graphs["int8"].read_bytes())
        engine = copy.with_name("engine.bin")
        subprocess.run([sys.executable, "-c", code, str(copy), str(engine)], check=True)
        contents.append(engine.read_bytes())
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0]


@pytest.mark.parametrize("damage", ["cut", "version", "cpu", "empty"])
def test_damaged_engine_is_refused_in_one_line(
    damage: str, tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    settings = unet_settings(1, Precision.FP32)
    engine, _ = built(tiny_graphs["fp32"], tmp_path, settings)
    content = engine.read_bytes()
    engine.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "version": content.replace(b"ov=20", b"ov=19", 1),
            "cpu": content.replace(b"isa=", b"isa=X", 1)[:-1],
            "empty": b"",
        }[damage]
    )
    with pytest.raises(SegtrtError, match="OpenVINO cannot read engine") as caught:
        RUNTIME.load(engine, settings)
    assert "\n" not in str(caught.value)


def test_bad_graphs_are_refused(tmp_path: Path) -> None:
    settings = unet_settings(2, Precision.FP32)
    with pytest.raises(SegtrtError, match="does not exist"):
        RUNTIME.build(tmp_path / "absent.onnx", settings, None)
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"not a graph at all")
    with pytest.raises(SegtrtError, match="OpenVINO cannot build an engine from"):
        RUNTIME.build(junk, settings, None)
    fixed = write_tiny_unet(tmp_path / "fixed.onnx", batch=5)
    with pytest.raises(SegtrtError, match="takes batches of 5 only, 2 was asked for"):
        RUNTIME.build(fixed, settings, None)
