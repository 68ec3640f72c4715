"""`segtrt inspect` on small engines, and into pipes and full disks."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import segtrt
from segtrt.cli.main import BROKEN_PIPE, main
from segtrt.engines.build import build_engine
from segtrt.engines.record import read_record
from segtrt.model.network_file import UNET
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import get_runtime
from tiny_unet_graphs import unet_settings


@pytest.fixture(scope="module")
def built(tiny_graphs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    build_engine(
        "onnxruntime",
        unet_settings(2, Precision.INT8),
        tiny_graphs["int8"],
        folder / "engine.bin",
        folder / "engine.json",
        target=get_runtime("onnxruntime").target(),
        network=UNET,
        code="f" * 64,
        cache_dir=None,
        on_unsupported="fail",
    )
    return folder


@pytest.fixture
def engine(built: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(built, tmp_path / "engine"))


def inspect(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main(["inspect", *map(str, words)])
    out, err = capsys.readouterr()
    assert err == ""
    return code, out


def rewrite(engine: Path, **changes: object) -> None:
    replace(read_record(engine / "engine.json"), **changes).write(engine / "engine.json")


def test_record_types_and_layers_are_shown(engine: Path, capsys):
    code, out = inspect(capsys, engine)
    record = read_record(engine / "engine.json")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines[0] == ["onnxruntime/b2_int8"]
    assert ["batch", "2,", "static"] in lines
    assert ["file", "whole,", "as", "recorded"] in lines
    assert ["runs", "here", "yes"] in lines
    assert ["engine", "hash", record.engine_sha256] in lines
    assert ["graph", "hash", record.graph_sha256] in lines
    assert ["note", *record.notes[0].split()] in lines
    types = {line[0]: line for line in lines if len(line) == 6 and line[3] == "%"}
    assert {dtype: int(line[1]) for dtype, line in types.items()} == {
        dtype: sum(layer.dtype == dtype for layer in record.layers) for dtype in types
    }
    assert sum(float(line[4]) for line in types.values()) == pytest.approx(100, abs=0.2)
    assert [f"{len(record.layers)}", "layers"] in lines
    assert all(layer.name in out for layer in record.layers)


def test_json_holds_the_whole_record(engine: Path, capsys):
    code, out = inspect(capsys, engine / "engine.bin", "--json")
    data = json.loads(out)
    record = json.loads((engine / "engine.json").read_text())
    assert code == 0
    assert data["record"] == {key: value for key, value in record.items() if key != "format"}
    assert data["name"] == "onnxruntime/b2_int8"
    assert data["file_fault"] is None and data["obstacle"] is None
    assert sum(data["precision_proof"]["convolutions"].values()) == pytest.approx(1)


def test_a_damaged_file_is_shown_and_gives_exit_code_1(engine: Path, capsys):
    content = (engine / "engine.bin").read_bytes()
    (engine / "engine.bin").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    code, out = inspect(capsys, engine)
    assert code == 1 and "was changed after it was built" in out
    (engine / "engine.bin").unlink()
    code, out = inspect(capsys, engine, "--json")
    assert code == 1 and "does not exist" in json.loads(out)["file_fault"]


def test_an_engine_for_another_machine_is_reported(engine: Path, capsys):
    target = {**read_record(engine / "engine.json").target, "runtime": "0.1"}
    rewrite(engine, target=target)
    code, out = inspect(capsys, engine)
    assert code == 0
    assert "runs here    no: it was built with ONNX Runtime 0.1, this machine has" in out


def test_a_gpu_engine_is_reported_without_a_gpu(engine: Path, capsys):
    target = {"runtime": "10.9", "gpu": "NVIDIA H100", "compute_capability": "9.0", "driver": "580"}
    rewrite(engine, runtime="tensorrt", target=target, layers=[], notes=[])
    code, out = inspect(capsys, engine)
    assert code == 0
    assert "runtime      TensorRT 10.9\n" in out
    assert "built for    NVIDIA H100\n" in out
    assert "settings     workspace mib 1024, optimisation level 3\n" in out
    assert "runs here    no: " in out
    assert out.endswith("layers: unknown\n")


def test_a_dynamic_engine_shows_its_range(engine: Path, capsys):
    settings = BuildSettings(4, Precision.INT8, profile="dynamic", dynamic_opt=8)
    rewrite(engine, settings=settings)
    assert "batch        4, dynamic: 1 to 32, tuned for 8\n" in inspect(capsys, engine)[1]


def test_an_engine_that_was_left_out_says_why(engine: Path, capsys):
    (engine / "engine.bin").write_bytes(b"")
    rewrite(
        engine,
        status="unsupported",
        reason="no \x1b[31mfp8 here",
        engine_bytes=0,
        engine_sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        layers=[],
    )
    code, out = inspect(capsys, engine)
    assert code == 0
    assert "no: it was left out when it was to be built: no \\x1b[31mfp8 here" in out
    assert "built in" not in out


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_it_quietly(unbuffered, engine: Path):
    reading, writing = os.pipe()
    os.close(reading)
    environment = {"PYTHONUNBUFFERED": unbuffered}
    done = segtrt("inspect", engine, stdout=writing, stderr=subprocess.PIPE, env=environment)
    os.close(writing)
    assert (done.returncode, done.stderr) == (BROKEN_PIPE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_reported_in_one_line(unbuffered, engine: Path):
    environment = {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = segtrt("inspect", engine, stdout=full, stderr=subprocess.PIPE, env=environment)
    assert done.returncode == 2
    assert done.stderr == "segtrt: cannot write: No space left on device\n"
