"""Cleaning up: what goes, what stays, what is told."""

import json
from pathlib import Path

import pytest
from segtrt.files import sha256_file, write_json
from segtrt.plan.nodes import FORMAT
from segtrt.plan.removal import format_bytes
from segtrt.plan.store import TIMING_CACHES, Store
from segtrt.plan.upkeep import clean_cache, clean_engines, clean_results

KEY = "ab" * 32
RECORD = "results/keys/build_engine/openvino/b1_int8.json"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Two engines, of which one is in the store, a graph and a download."""
    for name in ("openvino/b1_int8", "tensorrt/b4_fp16"):
        folder = tmp_path / "results/engines" / name
        folder.mkdir(parents=True)
        (folder / "engine.bin").write_bytes(bytes(1000))
        (folder / "engine.json").write_bytes(bytes(24))
    for path in ("results/onnx/fp32/model.onnx", "data/kaggle_3m/a.tif"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(bytes(10))
    write_json(tmp_path / RECORD, {"format": FORMAT, "key": "1", "content_key": KEY})
    write_json(tmp_path / "results/keys/export_onnx/all.json", {"format": FORMAT, "key": "2"})
    return tmp_path


@pytest.fixture
def store(base: Path) -> Store:
    made = Store(base / "cache/store")
    engine = base / "results/engines/openvino/b1_int8/engine.bin"
    made.put(KEY, {"output_0": engine}, {"output_0": sha256_file(engine)})
    return made


def test_engines_go_and_nothing_else_does(base: Path, store: Store) -> None:
    size = (base / RECORD).stat().st_size
    (line,) = clean_engines(base, store, [RECORD])
    assert line == f"removed 2 engines and what belongs to them, {format_bytes(2048 + size)} freed"
    assert not (base / "results/engines").exists()
    assert store.use().entries == 0
    assert json.loads((base / RECORD).read_text()) == {"format": FORMAT, "key": "", "afresh": True}
    for path in ("results/onnx/fp32/model.onnx", "results/keys/export_onnx/all.json"):
        assert (base / path).exists()
    assert (base / "data/kaggle_3m/a.tif").exists()


def test_cleaning_twice_or_nothing_is_no_error(base: Path, tmp_path: Path) -> None:
    clean_engines(base, None, [])
    assert clean_engines(base, None, []) == [
        "removed 0 engines and what belongs to them, 0 bytes freed"
    ]
    assert clean_results(tmp_path / "nowhere") == ["removed results/, 0 bytes freed"]


def test_results_go_and_downloads_stay(base: Path) -> None:
    (line,) = clean_results(base)
    assert line.startswith("removed results/ (engines, keys, onnx), 2.")
    assert not (base / "results").exists()
    assert (base / "data/kaggle_3m/a.tif").exists()


def test_the_cache_is_emptied(base: Path, store: Store) -> None:
    timings = base / "cache" / TIMING_CACHES / "a.timing_cache"
    timings.parent.mkdir()
    timings.write_bytes(bytes(5000))
    (base / "cache/mine.txt").write_text("not of the cache")
    (line,) = clean_cache(base / "cache", store)
    assert line == f"removed 1 entry from {base / 'cache'}, 5.9 KiB freed"
    assert not timings.exists() and (base / "cache/mine.txt").exists()
    assert clean_cache(base / "cache", store)[0].endswith("0 bytes freed")


def test_a_cache_that_cannot_be_emptied_is_told(
    base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "clear", lambda self: self.use())
    lines = clean_cache(base / "cache", store)
    assert lines[0].startswith("removed 0 entries") and "check the folder's permissions" in lines[1]


def test_no_cache_is_told() -> None:
    assert clean_cache(None, None) == ["there is no cache (SEGTRT_CACHE is off)"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (5 * 2**20, "5.0 MiB"),
        (3 * 2**40, "3072.0 GiB"),
    ],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert format_bytes(count) == text
