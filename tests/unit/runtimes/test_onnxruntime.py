"""ONNX Runtime engines on a small U-shaped network."""

from pathlib import Path

import numpy as np
import pytest
from segtrt.errors import SegtrtError
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildResult, BuildSettings
from segtrt.runtimes.registry import get_runtime
from tiny_unet_graphs import run_with_onnxruntime, slices, unet_settings, write_tiny_unet

RUNTIME = get_runtime("onnxruntime")
FLOPS = 2 * (8 * 3 * 9 * 256**2 + 16 * 8 * 9 * 128**2 + 16 * 8 * 4 * 128**2)
FLOPS += 2 * (8 * 16 * 9 * 256**2 + 8 * 256**2)
"""The network's operations on one slice."""


def built(graph: Path, folder: Path, settings: BuildSettings) -> tuple[Path, BuildResult]:
    result = RUNTIME.build(graph, settings, None)
    engine = folder / "engine.bin"
    engine.write_bytes(result.engine)
    return engine, result


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_engine_agrees_with_the_graph(
    precision: str, tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    settings = unet_settings(3, Precision(precision))
    engine, _ = built(tiny_graphs[precision], tmp_path, settings)
    images = slices(3)
    expected = run_with_onnxruntime(tiny_graphs[precision], images)
    assert expected.std() > 0.05
    with RUNTIME.load(engine, settings) as session:
        probabilities = session.run(images)
    assert probabilities.shape == (3, 1, 256, 256)
    assert probabilities.dtype == np.float32
    # An int8 engine may round to the next of 255 steps, here and there.
    np.testing.assert_allclose(probabilities, expected, atol=1e-5 if precision == "fp32" else 0.05)


def test_partial_batch_is_padded_and_cut(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    settings = unet_settings(4, Precision.FP32)
    engine, _ = built(tiny_graphs["fp32"], tmp_path, settings)
    images = slices(4)
    with RUNTIME.load(engine, settings) as session:
        whole = session.run(images)
        for count in (1, 3):
            part = session.run(images[:count])
            assert part.shape == (count, 1, 256, 256)
            np.testing.assert_allclose(part, whole[:count], atol=1e-6)
        for count in (0, 5):
            with pytest.raises(ValueError, match=f"{count} images for an engine of batch size 4"):
                session.run(slices(count))


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


def test_int8_graph_computes_in_int8(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    _, result = built(tiny_graphs["int8"], tmp_path, unet_settings(2, Precision.INT8))
    convolutions = [layer for layer in result.layers if "Conv" in layer.kind]
    kinds = [(layer.kind, layer.dtype) for layer in convolutions]
    assert kinds.count(("QLinearConv", "int8")) == 4
    assert kinds.count(("ConvTranspose", "fp32")) == 1
    assert result.notes == ["in fp32 instead of int8: 1 ConvTranspose"]
    assert sum(layer.flops or 0 for layer in result.layers) == 2 * FLOPS


def test_fp32_layers(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    _, result = built(tiny_graphs["fp32"], tmp_path, unet_settings(3, Precision.FP32))
    assert {layer.dtype for layer in result.layers if layer.flops} == {"fp32"}
    assert sum(layer.flops or 0 for layer in result.layers) == 3 * FLOPS
    assert result.notes == []


def test_engine_holds_no_path(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    engine, _ = built(tiny_graphs["fp32"], tmp_path, unet_settings(1, Precision.FP32))
    content = engine.read_bytes()
    for path in (tiny_graphs["fp32"].parent, tmp_path, Path.cwd()):
        assert str(path).encode() not in content


def test_closing(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    settings = unet_settings(1, Precision.FP32)
    engine, _ = built(tiny_graphs["fp32"], tmp_path, settings)
    with RUNTIME.load(engine, settings, threads=1) as session:
        assert list(session.load_stages_ms) == ["read_back", "first_run"]
        assert all(value > 0 for value in session.load_stages_ms.values())
        assert (session.memory_mib() or 0.0) >= 0
        timing = session.time_batch(slices(1))
        assert timing.run_ms > 0 and timing.copy_in_ms is None and timing.copy_out_ms is None
        with pytest.raises(ValueError, match="2 images instead of a full batch of 1"):
            session.time_batch(slices(2))
    session.close()
    with pytest.raises(ValueError, match="closed"):
        session.run(slices(1))


def test_damaged_engine_is_refused_in_one_line(
    tiny_graphs: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = unet_settings(1, Precision.FP32)
    engine, _ = built(tiny_graphs["fp32"], tmp_path, settings)
    engine.write_bytes(engine.read_bytes()[:-2000])
    with pytest.raises(SegtrtError, match="ONNX Runtime cannot read engine") as caught:
        RUNTIME.load(engine, settings)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_bad_graphs_are_refused(tmp_path: Path) -> None:
    settings = unet_settings(2, Precision.FP32)
    with pytest.raises(SegtrtError, match="does not exist"):
        RUNTIME.build(tmp_path / "absent.onnx", settings, None)
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"not a graph at all")
    with pytest.raises(SegtrtError, match=r"junk\.onnx is not an ONNX graph"):
        RUNTIME.build(junk, settings, None)
    fixed = write_tiny_unet(tmp_path / "fixed.onnx", batch=5)
    with pytest.raises(SegtrtError, match="takes batches of 5 only, 2 was asked for"):
        RUNTIME.build(fixed, settings, None)
