"""Cleaning up: what goes, what stays, what is reported."""

import json
from pathlib import Path

import pytest
from real_failures import undeletable
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file, write_json
from segtrt.plan.records import FORMAT
from segtrt.plan.removal import format_bytes
from segtrt.plan.store import STORE, TIMING_CACHES, Store
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
    assert json.loads((base / RECORD).read_text()) == {"format": FORMAT, "key": "", "forced": True}
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


@pytest.mark.parametrize("name", ["results", "results/engines"])
def test_a_linked_folder_is_unlinked_and_what_it_points_to_stays(base: Path, name: str) -> None:
    elsewhere = base / "elsewhere"
    (base / name).rename(elsewhere)
    (base / name).symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    clean = clean_results if name == "results" else lambda base: clean_engines(base, None, [])
    lines = clean(base)
    assert f"{base / name} was a link and is gone; what it pointed to is left" in lines
    assert not (base / name).exists() and not (base / name).is_symlink()
    assert sorted(elsewhere.rglob("*")) == before


def test_engines_that_cannot_be_removed_are_named_and_the_rest_goes(
    base: Path, store: Store
) -> None:
    stuck = base / "results/engines/openvino/b1_int8/engine.bin"
    with undeletable(stuck), pytest.raises(SegtrtError) as caught:
        clean_engines(base, store, [RECORD])
    reported = str(caught.value)
    assert reported.startswith(f"could not remove {stuck}: Operation not permitted; check the perm")
    assert "apart from that: removed 1 engine and what belongs to them, " in reported
    assert [p for p in (base / "results/engines").rglob("*") if p.is_file()] == [stuck]
    # It counts as removed all the same: it is out of date, and the store does not have it.
    assert json.loads((base / RECORD).read_text())["forced"] and store.use().entries == 0


def test_engines_stay_where_no_note_can_be_left(base: Path, store: Store) -> None:
    """Else the next run would take them for lost and ask the store."""
    folder = (base / RECORD).parent
    with undeletable(folder), pytest.raises(PermissionError):
        clean_engines(base, store, [RECORD])
    assert len(list((base / "results/engines").rglob("engine.bin"))) == 2


def test_results_in_a_protected_folder_are_named_and_the_rest_goes(base: Path) -> None:
    folder = base / "results/engines/tensorrt/b4_fp16"
    with undeletable(folder), pytest.raises(SegtrtError) as caught:
        clean_results(base)
    reported = str(caught.value)
    assert "(and 1 more); apart from that: removed results/ (keys, onnx), 1." in reported
    assert sorted(p for p in (base / "results").rglob("*") if p.is_file()) == [
        folder / "engine.bin",
        folder / "engine.json",
    ]
    (line,) = clean_results(base)
    assert line == "removed results/ (engines), 1.0 KiB freed"


def test_stores_of_earlier_versions_go_with_the_cache(base: Path) -> None:
    root = base / "cache"
    engine = base / "results/engines/openvino/b1_int8/engine.bin"
    stores = [Store(root / name) for name in ("store", STORE)]
    for one in stores:
        one.put(KEY, {"output_0": engine}, {"output_0": sha256_file(engine)})
    (line,) = clean_cache(root, stores[1])
    assert line.startswith(f"removed 2 entries from {root}, ")
    assert not (root / "store").exists() and stores[1].use().entries == 0


def test_the_cache_is_emptied(base: Path, store: Store) -> None:
    timings = base / "cache" / TIMING_CACHES / "a.timing_cache"
    timings.parent.mkdir()
    timings.write_bytes(bytes(5000))
    (base / "cache/mine.txt").write_text("not of the cache")
    (line,) = clean_cache(base / "cache", store)
    assert line == f"removed 1 entry from {base / 'cache'}, 5.9 KiB freed"
    assert not timings.exists() and (base / "cache/mine.txt").exists()
    assert clean_cache(base / "cache", store)[0].endswith("0 bytes freed")


def test_a_cache_that_cannot_be_emptied_is_reported(
    base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "clear", lambda self: self.use())
    lines = clean_cache(base / "cache", store)
    assert lines[0].startswith("removed 0 entries") and "check the folder's permissions" in lines[1]


def test_no_cache_is_reported() -> None:
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
