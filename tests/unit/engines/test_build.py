"""Building engines and their records."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from segtrt.engines.build import build_engine
from segtrt.engines.load import check_engine
from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.model.network_file import UNET
from segtrt.model.spec import NetworkSpec
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings, UnsupportedError
from segtrt.runtimes.registry import get_runtime
from tiny_unet_graphs import unet_settings


def build(
    folder: Path,
    graph: Path,
    runtime: str = "onnxruntime",
    *,
    precision: str = "fp32",
    on_unsupported: str = "fail",
    target: dict[str, Any] | None = None,
    network: NetworkSpec = UNET,
    obstacle: str = "",
) -> EngineRecord:
    return build_engine(
        runtime,
        unet_settings(2, Precision(precision)),
        graph,
        folder / "engine.bin",
        folder / "engine.json",
        target=target or get_runtime(runtime).target(),
        network=network,
        obstacle=obstacle,
        code="f" * 64,
        cache_dir=None,
        on_unsupported=on_unsupported,
    )


def test_a_graph_that_could_not_be_made_is_the_engines_reason(tmp_path: Path) -> None:
    empty = tmp_path / "model.onnx"
    empty.write_bytes(b"")
    record = build(tmp_path, empty, on_unsupported="skip", obstacle="autocast cannot make it")
    assert (record.status, record.reason) == ("unsupported", "autocast cannot make it")
    with pytest.raises(SegtrtError, match="cannot build b2_fp32 here: autocast cannot make it"):
        build(tmp_path, empty, obstacle="autocast cannot make it")


def test_a_network_of_another_fixed_batch_is_reported(
    tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    fixed = replace(UNET, batch=3)
    record = build(tmp_path, tiny_graphs["fp32"], on_unsupported="skip", network=fixed)
    assert record.reason == "the network takes batches of 3 only"


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_record_describes_the_engine(
    runtime: str, tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    record = build(tmp_path, tiny_graphs["fp32"], runtime)
    assert read_record(tmp_path / "engine.json") == record
    check_engine(tmp_path / "engine.bin", record)
    assert record.status == "built" and record.reason == ""
    assert record.name == f"{runtime}/b2_fp32"
    assert record.graph_sha256 == sha256_file(tiny_graphs["fp32"])
    assert record.target == get_runtime(runtime).target()
    assert record.engine_bytes > 5000
    assert record.build_ms > 0
    assert len([layer for layer in record.layers if layer.flops]) == 5
    text = (tmp_path / "engine.json").read_text()
    assert str(tmp_path) not in text and str(tiny_graphs["fp32"].parent) not in text


def test_notes_reach_record_and_log(
    tiny_graphs: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        record = build(tmp_path, tiny_graphs["int8"], precision="int8")
    assert record.notes == ["in fp32 instead of int8: 1 ConvTranspose"]
    assert record.notes[0] in caplog.text


def test_unsupported_precision_fails_or_is_recorded(
    tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(
        SegtrtError, match="onnxruntime cannot build b2_tf32 here: TF32 is"
    ) as reported:
        build(tmp_path, tiny_graphs["fp32"], precision="tf32")
    assert "on_unsupported to skip" in str(reported.value)
    assert list(tmp_path.iterdir()) == []

    record = build(tmp_path, tiny_graphs["fp32"], precision="tf32", on_unsupported="skip")
    assert record.status == "unsupported"
    assert record.reason == "TF32 is a mode of NVIDIA GPUs"
    assert (tmp_path / "engine.bin").read_bytes() == b""
    assert read_record(tmp_path / "engine.json") == record
    check_engine(tmp_path / "engine.bin", record)


def test_what_only_the_build_finds_out_is_recorded_too(
    tiny_graphs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UnsupportedError("no kernel\nfor this device")

    monkeypatch.setattr(get_runtime("onnxruntime"), "build", refuse)
    record = build(tmp_path, tiny_graphs["fp32"], on_unsupported="skip")
    assert record.reason == "no kernel for this device"
    with pytest.raises(SegtrtError, match="no kernel for this device"):
        build(tmp_path, tiny_graphs["fp32"])


def test_missing_runtime_is_recorded(
    tiny_graphs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_runtime("openvino"), "package", "segtrt-no-such-package")
    record = build(tmp_path, tiny_graphs["fp32"], "openvino", on_unsupported="skip")
    assert "is not installed" in record.reason
    assert record.target == {"runtime": None}


def test_a_bad_graph_is_an_error_even_where_engines_may_be_skipped(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match="does not exist"):
        build(tmp_path, tmp_path / "absent.onnx", on_unsupported="skip")
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"junk")
    with pytest.raises(SegtrtError, match="is not an ONNX graph"):
        build(tmp_path, junk, on_unsupported="skip")
    assert [path.name for path in tmp_path.iterdir()] == ["junk.onnx"]


def test_on_another_machine_nothing_is_built(tiny_graphs: dict[str, Path], tmp_path: Path) -> None:
    planned = get_runtime("openvino").target() | {"cpu": "CPU of another kind"}
    with pytest.raises(SegtrtError) as reported:
        build(tmp_path, tiny_graphs["fp32"], "openvino", target=planned)
    assert "planned for CPU of another kind" in str(reported.value)
    assert "\n" not in str(reported.value)
    assert list(tmp_path.iterdir()) == []


def test_the_first_start_is_recorded(
    tiny_graphs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = {}

    def first_start(engine: Path, settings: BuildSettings) -> dict[str, float]:
        started[engine.name] = (engine.stat().st_size, settings.batch_size)
        return {"create_context": 4321.0}

    monkeypatch.setattr(get_runtime("openvino"), "first_start", first_start)
    record = build(tmp_path, tiny_graphs["fp32"], "openvino")
    assert started == {"engine.bin": (record.engine_bytes, 2)}
    assert read_record(tmp_path / "engine.json").first_start_ms == {"create_context": 4321.0}


@pytest.mark.parametrize("on_unsupported", ["fail", "skip"])
def test_an_engine_that_cannot_start_is_unsupported(
    on_unsupported: str,
    tiny_graphs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def first_start(*_: object) -> None:
        raise UnsupportedError("no kernel for layer deconv")

    monkeypatch.setattr(get_runtime("openvino"), "first_start", first_start)
    if on_unsupported == "fail":
        with pytest.raises(SegtrtError, match="no kernel for layer deconv"):
            build(tmp_path, tiny_graphs["fp32"], "openvino")
        assert not (tmp_path / "engine.bin").exists()
        return
    record = build(tmp_path, tiny_graphs["fp32"], "openvino", on_unsupported="skip")
    assert (record.status, record.reason) == ("unsupported", "no kernel for layer deconv")
    assert (tmp_path / "engine.bin").read_bytes() == b""
    assert record.layers == []
