import json
import logging
import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.mixing import mix
from segtrt.graphs.regions import split_into_regions
from segtrt.machine import gpu
from segtrt.precision import Graph, Precision
from segtrt.runtimes.base import BuildSettings, UnsupportedError
from segtrt.runtimes.registry import get_runtime
from segtrt.runtimes.tensorrt.build import BuildPlace, build_serialized
from segtrt.runtimes.tensorrt.inspect import parse_layers
from segtrt.runtimes.tensorrt.log import PhaseTree, clean_message, logger_for, progress_monitor
from segtrt.runtimes.tensorrt.runtime import too_old_gpu
from small_graph import images, small_graph
from tensorrt_graphs import CHANNELS, convolution_graph, quantised_graph

H100 = gpu.GpuFacts("NVIDIA H100", "9.0", "580.1", "13.0", 81920)
RTX = get_runtime("tensorrt_rtx")
TENSORRT = get_runtime("tensorrt")
OTHER_VERSION = "1.6.1.120"
"""That of requirements/tensorrt_rtx_h100.txt."""

needs_rtx = pytest.mark.skipif(RTX.version() is None, reason="TensorRT-RTX is not installed")
no_gpu = pytest.mark.skipif(gpu.facts() is not None, reason="says what happens without a GPU")


def settings(precision: str = "fp32", **changes: object) -> BuildSettings:
    given = {"batch_size": 2, "compute_capabilities": ("8.6", "8.9"), **changes}
    shapes = {"patch": (3, 256, 256), "output": (1, 256, 256)}
    return BuildSettings(precision=Precision(precision), **{**shapes, **given})  # type: ignore[arg-type]


@pytest.fixture
def h100(monkeypatch: pytest.MonkeyPatch):
    """A machine with both flavours and an H100, as far as anyone asks."""
    monkeypatch.setattr("segtrt.machine.gpu.facts", lambda: H100)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr("segtrt.runtimes.tensorrt.runtime._installed_version", lambda _name: "11.1")


@needs_rtx
@no_gpu
@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
@pytest.mark.parametrize("profile", ["static", "dynamic"])
def test_engine_is_built_without_a_gpu(tmp_path: Path, precision: str, profile: str):
    graph_precision = "fp32" if precision == "tf32" else precision
    graph = convolution_graph(tmp_path / "model.onnx", graph_precision)
    result = RTX.build(graph, settings(precision, profile=profile), None)
    assert len(result.engine) > 10_000
    assert result.layers == []
    assert result.notes == [
        "layers are unknown: the engine was built without a GPU to read it back"
    ]


@needs_rtx
@no_gpu
@pytest.mark.parametrize("capability", ["8.9", "12.0"])
def test_int8_is_built_by_1_7_and_refused_by_1_6(tmp_path: Path, capability: str):
    graph = quantised_graph(tmp_path / "model.onnx")
    wanted = settings("int8", compute_capabilities=(capability,), output=(CHANNELS, 256, 256))
    version = RTX.version()
    assert version is not None
    if version.startswith("1.6."):
        with pytest.raises(UnsupportedError, match=r"cannot build int8 here"):
            RTX.build(graph, wanted, None)
    else:
        assert len(RTX.build(graph, wanted, None).engine) > 10_000


@needs_rtx
@no_gpu
@pytest.mark.skipif(
    RTX.version() == OTHER_VERSION, reason="this is the other version's own run of these tests"
)
def test_the_version_for_an_h100_builds_as_well(project_root: Path):
    library = Path(sys.prefix, "tensorrt_rtx_h100")
    assert library.is_dir(), "install it: make .venv/installed-dev"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        cwd=project_root,
        env={**os.environ, "PYTHONPATH": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d+ passed, 1 skipped", done.stdout), done.stdout[-300:]


@needs_rtx
@no_gpu
def test_mixes_are_built_without_a_gpu(tmp_path: Path):
    """Every pair of precisions next to each other, and each next to float32."""
    source = small_graph(tmp_path / "fp32.onnx")
    kinds = (Graph.FP16, Graph.BF16, Graph.FP8)
    for kind in kinds:
        convert_onnx(source, kind, tmp_path / f"{kind}.onnx", images(1))
    model = read_graph(source)
    converted = {kind: read_graph(tmp_path / f"{kind}.onnx") for kind in kinds}
    regions = split_into_regions(model, 4)
    size = images(1)[0].shape[2:]
    engines = set()
    for first, second in [*combinations(kinds, 2), *((kind, None) for kind in kinds)]:
        chosen = {0: first, 2: first} if second is None else {0: first, 1: second, 3: first}
        made = mix(model, regions, converted, chosen)
        write_graph(made, tmp_path / "mixed.onnx", {})
        wanted = settings("mixed", patch=(3, *size), compute_capabilities=("8.9",))
        engines.add(RTX.build(tmp_path / "mixed.onnx", wanted, None).engine)
    assert len(engines) == 6 and min(map(len, engines)) > 10_000


@needs_rtx
@no_gpu
def test_targets_and_precision_change_the_engine(tmp_path: Path):
    wide = convolution_graph(tmp_path / "fp32.onnx")
    narrow = convolution_graph(tmp_path / "fp16.onnx", "fp16")

    def size(graph: Path, **changes: object) -> int:
        return len(RTX.build(graph, settings(**changes), None).engine)

    sizes = [
        size(wide),
        size(narrow, precision="fp16"),
        size(wide, compute_capabilities=("7.5",)),
        size(wide, profile="dynamic"),
    ]
    assert len(set(sizes)) == len(sizes)


@needs_rtx
@no_gpu
@pytest.mark.parametrize(
    ("operator", "error", "message"),
    [
        ("NoSuchOp", UnsupportedError, r"node 4 'broken_node' \(NoSuchOp\): .*not supported"),
        ("Add", SegtrtError, r"model\.onnx: node 4 'broken_node' \(Add\): .*not registered"),
    ],
)
def test_parser_error_names_the_node(tmp_path: Path, operator: str, error, message: str):
    graph = convolution_graph(tmp_path / "model.onnx", broken=operator)
    with pytest.raises(error, match=message) as caught:
        RTX.build(graph, settings(), None)
    assert "\n" not in str(caught.value)


@needs_rtx
@no_gpu
def test_what_is_no_graph_is_refused(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(SegtrtError, match=r"model\.onnx is not an ONNX model"):
        RTX.build(tmp_path / "model.onnx", settings(), None)
    with pytest.raises(SegtrtError, match="does not exist"):
        RTX.build(tmp_path / "none.onnx", settings(), None)


@needs_rtx
@no_gpu
def test_graph_with_another_fixed_batch_is_refused(tmp_path: Path):
    graph = convolution_graph(tmp_path / "model.onnx", batch=3)
    with pytest.raises(SegtrtError, match="dynamic batch"):
        RTX.build(graph, settings(), None)
    assert RTX.build(graph, settings(batch_size=3), None).engine


@needs_rtx
@no_gpu
def test_builder_error_is_reported_in_one_line(tmp_path: Path):
    graph = convolution_graph(tmp_path / "model.onnx", "bf16")
    # Labelled fp32, so that nothing refuses it before the builder does.
    with pytest.raises(UnsupportedError, match=r"cannot build fp32 here: .*sm75.*b16") as caught:
        RTX.build(graph, settings(compute_capabilities=("7.5",)), None)
    assert "\n" not in str(caught.value)
    assert "_src" not in str(caught.value)


@needs_rtx
@no_gpu
def test_unknown_target_names_the_known_ones(tmp_path: Path):
    graph = convolution_graph(tmp_path / "model.onnx")
    with pytest.raises(UnsupportedError, match=r"capability 9\.0; it knows 7\.5, .*12\.0"):
        RTX.build(graph, settings(compute_capabilities=("8.6", "9.0")), None)


@needs_rtx
def test_log_goes_to_python_logging(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    import tensorrt_rtx

    graph = convolution_graph(tmp_path / "model.onnx")
    place = BuildPlace(tensorrt_rtx, "TensorRT-RTX", is_rtx=True, timing_cache=None, has_gpu=False)
    with caplog.at_level(logging.INFO, "segtrt.tensorrt"):
        build_serialized(place, graph, settings())
    assert any("Engine generation completed" in record.message for record in caplog.records)
    assert logger_for(tensorrt_rtx).errors == []


@needs_rtx
def test_ctrl_c_stops_a_build_from_outside_tensorrt(monkeypatch: pytest.MonkeyPatch):
    import tensorrt_rtx

    monitor = progress_monitor(tensorrt_rtx, "building")
    monitor.phase_start("all", None, 3)
    assert monitor.step_complete("all", 0)

    def press(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(monitor._tree, "step", press)
    assert not monitor.step_complete("all", 1)
    assert monitor.interrupted
    monitor.close()


@needs_rtx
@no_gpu
def test_without_a_gpu_it_builds_and_does_not_run(tmp_path: Path):
    state = RTX.availability()
    assert (state.can_build, state.can_run) == (True, False)
    assert "no NVIDIA GPU" in state.reason
    assert RTX.target() == {"runtime": RTX.version()}
    with pytest.raises(SegtrtError, match="cannot run here: no NVIDIA GPU"):
        RTX.load(tmp_path / "engine.bin", settings())
    reason = RTX.unsupported(settings(compute_capabilities=()))
    assert reason is not None
    assert "compute_capabilities is empty" in reason


def test_what_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    state = TENSORRT.availability()
    assert not state.can_build
    assert not state.can_run
    assert state.reason == "TensorRT is not installed; pip install -e '.[tensorrt]'"
    assert TENSORRT.unsupported(settings()) == state.reason


@pytest.mark.usefixtures("h100")
def test_target_of_a_gpu_and_what_does_not_fit_it():
    target = TENSORRT.target()
    assert target == {
        "runtime": "11.1",
        "gpu": "NVIDIA H100",
        "compute_capability": "9.0",
        "driver": "580.1",
        "cuda": "13.0",
    }
    assert TENSORRT.availability().can_run
    assert TENSORRT.mismatch(target) is None
    older, other = target | {"runtime": "10.9"}, target | {"gpu": "NVIDIA L4"}
    assert TENSORRT.mismatch(older) == "built with TensorRT 10.9, this machine has 11.1"
    assert TENSORRT.mismatch(other) == "built for NVIDIA L4, the GPU here is NVIDIA H100"
    assert RTX.mismatch(other) is None


@pytest.mark.usefixtures("h100")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"compute_capabilities": ("8.6",)}, "builds for the machine's own GPU only"),
        (
            {"profile": "dynamic", "dynamic_min": 4, "dynamic_opt": 2},
            "min 4, opt 2, max 32; min <= opt <= max was expected",
        ),
        ({"profile": "dynamic", "batch_size": 64}, r"batch 64 lies outside .* \(1 to 32\)"),
        ({"precision": "fp8"}, None),
    ],
)
def test_unsupported_settings_on_a_gpu(changes: dict, reason: str | None):
    found = TENSORRT.unsupported(settings(**{"compute_capabilities": (), **changes}))
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert re.search(reason, found)


@pytest.mark.parametrize(
    ("precision", "capabilities", "expected"),
    [
        ("fp16", ("7.5",), None),
        ("bf16", ("8.0", "12.0"), None),
        ("bf16", ("7.5", "8.6"), "bf16 needs a GPU of compute capability 8.0 or newer, not 7.5"),
        ("fp8", ("8.6", "8.9"), "fp8 needs a GPU of compute capability 8.9 or newer, not 8.6"),
        ("tf32", ("7.5",), "tf32 needs a GPU of compute capability 8.0 or newer, not 7.5"),
    ],
)
def test_precision_and_age_of_the_gpu(precision: str, capabilities, expected: str | None):
    assert too_old_gpu(Precision(precision), capabilities) == expected


def test_settings_that_decide_an_engine():
    static = RTX.key_settings(settings(dynamic_max=8))
    assert static == RTX.key_settings(settings(dynamic_max=16))
    assert static["compute_capabilities"] == ["8.6", "8.9"]
    dynamic = RTX.key_settings(settings(profile="dynamic", dynamic_max=8))
    assert dynamic != RTX.key_settings(settings(profile="dynamic", dynamic_max=16))
    assert TENSORRT.key_settings(settings()) == TENSORRT.key_settings(
        settings(compute_capabilities=())
    )
    assert json.dumps([static, dynamic])


def test_unknown_mode_is_refused(tmp_path: Path):
    with pytest.raises(SegtrtError, match="stream, graph, overlapped"):
        RTX.load(tmp_path / "engine.bin", settings(), mode="fast")


def test_layers_of_an_inspected_engine():
    def tensor(*sizes: int, kind: str) -> list[dict]:
        return [{"Name": "t", "Dimensions": list(sizes), "Format/Datatype": kind}]

    convolution = {
        "Name": "conv1 + relu1",
        "LayerType": "CaskConvolution",
        "ParameterType": "Convolution",
        "Inputs": tensor(4, 3, 256, 256, kind="Channel major FP16 format where channel % 4 == 0"),
        "Outputs": tensor(4, 32, 256, 256, kind="Row major linear FP16 format"),
        "Kernel": [3, 3],
        "Groups": 1,
        "Weights": {"Type": "Half", "Count": 864},
        "TacticName": "sm90_xmma_fprop_f16f16_f16f16_f16",
    }
    upsampling = {
        **convolution,
        "ParameterType": "Deconvolution",
        "Inputs": tensor(4, 64, 16, 16, kind="Half"),
        "Outputs": tensor(4, 32, 32, 32, kind="Half"),
        "Kernel": [2, 2],
    }
    tf32 = {
        **convolution,
        "Inputs": tensor(-1, 3, 256, 256, kind="Row major linear FP32"),
        "Weights": {"Type": "Float"},
        "TacticName": "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32",
    }
    pooling = {
        "Name": "pool",
        "LayerType": "CaskPooling",
        "Inputs": tensor(1, 2, 4, 4, kind="BF16"),
    }
    entries = [convolution, upsampling, tf32, pooling, "a name alone"]
    layers = parse_layers(json.dumps({"Layers": entries}))
    assert [(layer.kind, layer.dtype) for layer in layers] == [
        ("Convolution", "fp16"),
        ("Deconvolution", "fp16"),
        ("Convolution", "tf32"),
        ("CaskPooling", "bf16"),
    ]
    assert layers[0].flops == 2 * 4 * 32 * 256 * 256 * 9 * 3
    assert layers[1].flops == 2 * 4 * 64 * 16 * 16 * 4 * 32
    assert layers[2].flops is None  # its batch is free
    assert layers[3].flops is None


def test_phases_of_a_build():
    tree = PhaseTree()
    assert tree.fraction == 0
    tree.start("build", 4)
    tree.step("build")
    tree.start("optimise", 2)
    assert tree.fraction == 0.25
    tree.step("optimise")
    assert (tree.fraction, tree.current) == (0.375, "optimise")
    tree.finish("optimise")
    tree.step("build")
    assert (tree.fraction, tree.current) == (0.5, "build")
    tree.step("never started")
    tree.finish("build")
    assert tree.current == ""


def test_messages_lose_the_places_in_the_sources():
    text = "Error Code 1: Myelin ([pass.cpp:1399: run] No b16. In compile at /_src/a/b.cpp:19)\n"
    assert clean_message(text) == "Error Code 1: Myelin (No b16.)"
