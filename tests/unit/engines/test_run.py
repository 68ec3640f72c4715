"""Opening, running and timing engines on shards of slices."""

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_shards import Made, write_shard
from segtrt.data.first_slices import first_slices
from segtrt.data.prepared import Prepared
from segtrt.engines.budget import TimingBudget
from segtrt.engines.build import build_engine
from segtrt.engines.load import open_engine
from segtrt.engines.record import read_record
from segtrt.engines.run import run_engine
from segtrt.engines.time import time_engine
from segtrt.engines.timing import published_line
from segtrt.engines.timing_file import TimingResult
from segtrt.errors import SegtrtError
from segtrt.formats import from_json
from segtrt.model.network_file import UNET
from segtrt.precision import Precision
from segtrt.quality.answers import Answers
from segtrt.runtimes.registry import get_runtime
from tiny_unet_graphs import SHAPE, run_with_onnxruntime, slices, unet_settings

LABELS: dict[str, Any] = {
    "decoding": {"decide": None, "ignored": None},
    "raw_bytes": 2**30,
}


def write_tensors(path: Path, count: int) -> Path:
    images = slices(count) if count else []
    items = [Made("TCGA_A", str(number), image) for number, image in enumerate(images, 1)]
    return write_shard(path, items, patch=SHAPE)


@pytest.fixture(scope="module")
def engines(
    tiny_graphs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Folders with `engine.bin` and `engine.json`, batch 4."""
    folders = {}
    for name, runtime, precision in (
        ("onnxruntime", "onnxruntime", "fp32"),
        ("openvino", "openvino", "fp32"),
        ("unsupported", "onnxruntime", "tf32"),
    ):
        folder = tmp_path_factory.mktemp(name)
        build_engine(
            runtime,
            unet_settings(4, Precision(precision)),
            tiny_graphs["fp32"],
            folder / "engine.bin",
            folder / "engine.json",
            target=get_runtime(runtime).target(),
            network=UNET,
            code="",
            cache_dir=None,
            on_unsupported="skip",
        )
        folders[name] = folder
    return folders


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("count", [4, 5, 2])
def test_answers_follow_the_shard(
    runtime: str, count: int, engines: dict[str, Path], tiny_graphs: dict[str, Path], tmp_path: Path
) -> None:
    tensors = write_tensors(tmp_path / "tensors.safetensors", count)
    out = tmp_path / "out.safetensors"
    folder = engines[runtime]
    run_engine(folder / "engine.bin", folder / "engine.json", tensors, out, threads=1, **LABELS)
    expected = run_with_onnxruntime(tiny_graphs["fp32"], slices(count))
    with Answers(out) as found, Prepared(tensors) as source:
        assert (found.by, found.status) == (f"{runtime}/b4_fp32", "built")
        outputs = found.outputs()
        labels = [found.labels(place, item) for place, item in enumerate(source.items)]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_array_equal(labels, outputs[:, 0] > 0.5)
    assert 0 < np.mean(labels) < 1


def test_patches_of_another_size_are_refused(engines: dict[str, Path], tmp_path: Path) -> None:
    small = write_shard(tmp_path / "small", [Made("A", "1", slices(1)[0][:, :32, :32])])
    engine, record = (engines["onnxruntime"] / f"engine.{kind}" for kind in ("bin", "json"))
    with pytest.raises(SegtrtError, match=r"patches of \(3, 32, 32\), engine onnxruntime/b4_fp32"):
        run_engine(engine, record, small, tmp_path / "out", **LABELS)


def test_empty_shard_gives_an_empty_file(engines: dict[str, Path], tmp_path: Path) -> None:
    tensors = write_tensors(tmp_path / "tensors.safetensors", 0)
    out = tmp_path / "out.safetensors"
    folder = engines["onnxruntime"]
    run_engine(folder / "engine.bin", folder / "engine.json", tensors, out, **LABELS)
    with Answers(out) as found:
        assert found.outputs().shape == (0, 1, 256, 256) and found.non_finite == ()


def test_unsupported_engine_gives_files_that_say_so(
    engines: dict[str, Path], tmp_path: Path
) -> None:
    tensors = write_tensors(tmp_path / "tensors.safetensors", 2)
    engine, record = (engines["unsupported"] / f"engine.{kind}" for kind in ("bin", "json"))
    out, timing = tmp_path / "out.safetensors", tmp_path / "timing.json"
    run_engine(engine, record, tensors, out, **LABELS)
    with Answers(out) as found:
        assert found.status == "unsupported" and found.non_finite == ()
        assert found.reason == "TF32 is a mode of NVIDIA GPUs"
    time_engine(engine, record, [tensors], timing, budget=TimingBudget(3, 1, 0))
    figures = json.loads(timing.read_text())
    assert figures["status"] == "unsupported" and figures["timing"] is None
    with pytest.raises(SegtrtError, match="was left out when it was to be built: TF32"):
        open_engine(engine, read_record(record))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_timing_file(
    runtime: str, engines: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tensors = write_tensors(tmp_path / "tensors.safetensors", 3)
    out = tmp_path / "timing.json"
    folder = engines[runtime]
    with caplog.at_level(logging.INFO):
        time_engine(
            folder / "engine.bin",
            folder / "engine.json",
            [tensors],
            out,
            budget=TimingBudget(6, None, 0.1),
            threads=1,
        )
    figures = json.loads(out.read_text())
    result = from_json(TimingResult, figures["timing"])
    assert result.iterations == len(result.samples_ms) == 6
    assert result.copy_in is None and result.copy_out is None
    assert published_line(4, 6, result.total.mean) in caplog.messages
    assert (figures["batch_size"], figures["precision"], figures["mode"]) == (4, "fp32", "stream")
    assert figures["threads"] == 1
    assert list(figures["load_stages_ms"]) == ["read_back", "first_run"]
    assert figures["machine"]["runtime"] == get_runtime(runtime).version()
    assert figures["machine"]["cores"] >= 1
    assert str(tmp_path) not in out.read_text()


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_changed_engine_is_refused_before_it_is_read(
    runtime: str, engines: dict[str, Path], tmp_path: Path
) -> None:
    record = read_record(engines[runtime] / "engine.json")
    content = (engines[runtime] / "engine.bin").read_bytes()
    engine = tmp_path / "engine.bin"
    engine.write_bytes(content[:-100])
    with pytest.raises(SegtrtError, match="bytes, its record says"):
        open_engine(engine, record)
    engine.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(SegtrtError, match="was changed after it was built"):
        open_engine(engine, record)


def test_engine_for_another_machine_is_refused(engines: dict[str, Path]) -> None:
    engine = engines["openvino"] / "engine.bin"
    record = read_record(engine.with_suffix(".json"))
    older = replace(record, target={**record.target, "runtime": "2024.1.0"})
    with pytest.raises(SegtrtError, match=r"was built with OpenVINO 2024\.1\.0, this machine has"):
        open_engine(engine, older)
    richer = replace(record, target={**record.target, "isa": record.target["isa"] + " avx1024"})
    with pytest.raises(SegtrtError, match=r"built for another CPU .* lacks avx1024"):
        open_engine(engine, richer)


def test_missing_runtime_is_reported(
    engines: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engines["openvino"] / "engine.bin"
    record = read_record(engine.with_suffix(".json"))
    monkeypatch.setattr(get_runtime("openvino"), "package", "segtrt-no-such-package")
    with pytest.raises(SegtrtError, match="cannot run here: OpenVINO is not installed"):
        open_engine(engine, record)


def test_failed_run_leaves_no_file(engines: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    tensors = write_tensors(tmp_path / "tensors.safetensors", 2)
    engine = tmp_path / "engine.bin"
    engine.write_bytes(b"short")
    with pytest.raises(SegtrtError):
        run_engine(engine, engines["onnxruntime"] / "engine.json", tensors, out, **LABELS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["engine.bin", "tensors.safetensors"]


@pytest.mark.parametrize(("counts", "wanted"), [([3], 2), ([3], 3), ([1, 0, 2], 3), ([1, 2], 8)])
def test_first_slices(counts: list[int], wanted: int, tmp_path: Path) -> None:
    paths = [write_tensors(tmp_path / f"{i}.safetensors", n) for i, n in enumerate(counts)]
    pool = np.concatenate([slices(count) for count in counts if count])
    expected = pool[np.arange(wanted) % len(pool)]
    np.testing.assert_array_equal(first_slices(paths, wanted), expected)


def test_no_slices_at_all_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match="all tensor shards are empty"):
        first_slices([write_tensors(tmp_path / "a.safetensors", 0)], 2)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_running_an_engine_needs_neither_torch_nor_the_network(
    runtime: str, engines: dict[str, Path], tmp_path: Path
) -> None:
    tensors = write_tensors(tmp_path / "tensors.safetensors", 1)
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from pathlib import Path; from segtrt.engines.run import run_engine\n"
        "labels = {'decide': None, 'ignored': None}\n"
        "run_engine(*map(Path, sys.argv[1:]), decoding=labels, raw_bytes=9)\n"
        "assert not {'torch', 'onnx', 'skimage'} & set(sys.modules)\n"
    )
    folder = engines[runtime]
    arguments = [folder / "engine.bin", folder / "engine.json", tensors, tmp_path / "out"]
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True)


def test_a_job_stops_before_it_loads_an_engine_of_another_machine(
    engines: dict[str, Path], tmp_path: Path
) -> None:
    """Even where the engine would run: its times would be another machine's."""
    record = read_record(engines["openvino"] / "engine.json")
    other, engine = tmp_path / "engine.json", engines["openvino"] / "engine.bin"
    replace(record, target={**record.target, "cpu": "a sibling"}).write(other)
    tensors = write_tensors(tmp_path / "tensors.safetensors", 2)
    out = tmp_path / "out"
    with pytest.raises(SegtrtError, match=r"cpu is .*, planned for a sibling; name the machine"):
        run_engine(engine, other, tensors, out, **LABELS)
    with pytest.raises(SegtrtError, match="planned for a sibling"):
        time_engine(engine, other, [tensors], out, budget=TimingBudget(3, 1, 0))
    assert not out.exists()
    # By hand it may be tried.
    with open_engine(engine, read_record(other)) as session:
        assert session.batch_size == 4
