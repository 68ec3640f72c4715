"""Remembered hashes: right whatever happens, and remembered where that is safe."""

import json
import os
from pathlib import Path

import pytest
from segtrt.files import sha256_file
from segtrt.plan import hash_cache as hashcache
from segtrt.plan.hash_cache import SETTLED_NS, HashCache


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really read, in order."""
    seen: list[Path] = []

    def read(path: Path) -> str:
        seen.append(path)
        return sha256_file(path)

    monkeypatch.setattr(hashcache, "sha256_file", read)
    return seen


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time has gone by since the files were written."""
    now = hashcache.time.time_ns
    monkeypatch.setattr(hashcache.time, "time_ns", lambda: now() + 2 * SETTLED_NS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    path.write_bytes(b"one")
    return path


def digests(cache: Path, *files: Path) -> dict[Path, str]:
    """What a run does: hash, and remember."""
    opened = HashCache(cache)
    found = opened.digests(files)
    opened.save()
    return found


def test_nothing_is_written_before_it_is_asked_for(tmp_path: Path, file: Path) -> None:
    HashCache(tmp_path / "h.json").digests([file])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]


def test_answers_are_hashes_of_the_content(tmp_path: Path, file: Path) -> None:
    found = digests(tmp_path / "h.json", file, file)
    assert found == {file: sha256_file(file)}


@pytest.mark.usefixtures("later")
def test_a_file_is_read_once(tmp_path: Path, file: Path, reads: list[Path]) -> None:
    for _ in range(3):
        digests(tmp_path / "h.json", file)
    assert reads == [file]


def test_a_file_that_just_changed_is_read_again(
    tmp_path: Path, file: Path, reads: list[Path]
) -> None:
    for _ in range(2):
        digests(tmp_path / "h.json", file)
    assert reads == [file, file]


@pytest.mark.usefixtures("later")
def test_same_size_and_restored_time_do_not_hide_a_change(tmp_path: Path, file: Path) -> None:
    cache = tmp_path / "h.json"
    stat = file.stat()
    before = digests(cache, file)[file]
    file.write_bytes(b"two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digests(cache, file)[file] == sha256_file(file) != before


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"a": 1}', '{"a": [1, 2, 3, 4, 5]}', '{"a": ["x"]}']
)
def test_a_damaged_cache_is_begun_anew(tmp_path: Path, file: Path, text: str) -> None:
    cache = tmp_path / "h.json"
    cache.write_text(text.replace('"a"', json.dumps(str(file))))
    assert digests(cache, file)[file] == sha256_file(file)
    assert str(file) in json.loads(cache.read_text())


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path: Path, file: Path) -> None:
    (tmp_path / "folder").write_text("a file in place of a folder")
    found = digests(tmp_path / "folder/h.json", file)
    assert found[file] == sha256_file(file)
