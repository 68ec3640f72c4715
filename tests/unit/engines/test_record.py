"""Engine records and the check of an engine against its record."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from segtrt.engines.load import check_engine
from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.model.network_file import UNET
from segtrt.precision import Graph, Precision
from segtrt.runtimes.base import BuildSettings, Layer


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "engine.bin"
    path.write_bytes(bytes(range(256)) * 8)
    return path


@pytest.fixture
def record(engine: Path) -> EngineRecord:
    settings = BuildSettings(4, Precision.INT8, compute_capabilities=("8.9", "9.0"))
    return EngineRecord(
        runtime="onnxruntime",
        settings=settings,
        network=UNET,
        graph=Graph.INT8_SIGNED,
        status="built",
        graph_sha256="ab" * 32,
        target={"runtime": "1.2.3", "cpu": "Some CPU", "isa": "avx2"},
        code="cd" * 32,
        engine_sha256=sha256_file(engine),
        engine_bytes=engine.stat().st_size,
        build_ms=12.5,
        layers=[Layer("a", "Conv", "int8", 1e9), Layer("b", "Relu", "fp32")],
        notes=["one note"],
    )


def test_round_trip(record: EngineRecord, tmp_path: Path) -> None:
    path = tmp_path / "engine.json"
    record.write(path)
    again = read_record(path)
    assert again == record
    assert isinstance(again.settings.precision, Precision)
    assert again.name == "onnxruntime/b4_int8"


def test_round_trip_of_an_unsupported_engine(record: EngineRecord, tmp_path: Path) -> None:
    path = tmp_path / "engine.json"
    unsupported = replace(record, status="unsupported", reason="no such kernel", layers=[])
    unsupported.write(path)
    assert read_record(path) == unsupported


@pytest.mark.parametrize(
    "change",
    [
        {"format": "segtrt-engine-0"},
        {"settings": {"batch_size": 4}},
        {"settings": None},
        {"layers": [{"title": "a"}]},
        {"colour": "blue"},
    ],
)
def test_foreign_records_are_refused(
    change: dict[str, object], record: EngineRecord, tmp_path: Path
) -> None:
    path = tmp_path / "engine.json"
    record.write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(SegtrtError, match="not an engine record this version can read"):
        read_record(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "does not exist"), ("{", "not valid JSON"), ("[]", "not an engine record")],
)
def test_missing_and_broken_records(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "engine.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SegtrtError, match=message):
        read_record(path)


def test_check_accepts_the_recorded_engine(engine: Path, record: EngineRecord) -> None:
    check_engine(engine, record)


def test_check_refuses_other_files(engine: Path, record: EngineRecord) -> None:
    content = engine.read_bytes()
    engine.write_bytes(content[:-1])
    with pytest.raises(SegtrtError, match=r"has 2047 bytes, its record says 2048; delete .*engine"):
        check_engine(engine, record)
    engine.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(SegtrtError, match="was changed after it was built"):
        check_engine(engine, record)
    engine.unlink()
    with pytest.raises(SegtrtError, match="does not exist"):
        check_engine(engine, record)
