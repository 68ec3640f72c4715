"""Remembered hashes: right whatever happens, and remembered where that is safe."""

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
    found = {file: opened.digest(file) for file in files}
    opened.save()
    return found


def test_nothing_is_written_before_it_is_asked_for(tmp_path: Path, file: Path) -> None:
    HashCache(tmp_path / "hashes.txt").digest(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]


def test_answers_are_hashes_of_the_content(tmp_path: Path, file: Path) -> None:
    found = digests(tmp_path / "hashes.txt", file, file)
    assert found == {file: sha256_file(file)}


@pytest.mark.usefixtures("later")
def test_a_file_is_read_once(tmp_path: Path, file: Path, reads: list[Path]) -> None:
    for _ in range(3):
        digests(tmp_path / "hashes.txt", file)
    assert reads == [file]


def test_a_file_that_just_changed_is_read_again(
    tmp_path: Path, file: Path, reads: list[Path]
) -> None:
    for _ in range(2):
        digests(tmp_path / "hashes.txt", file)
    assert reads == [file, file]


@pytest.mark.usefixtures("later")
def test_same_size_and_restored_time_do_not_hide_a_change(tmp_path: Path, file: Path) -> None:
    cache = tmp_path / "hashes.txt"
    stat = file.stat()
    before = digests(cache, file)[file]
    file.write_bytes(b"two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digests(cache, file)[file] == sha256_file(file) != before


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"a": [1, 2, 3, 4, 5]}', "segtrt-hashes-2", "segtrt-hashes-2\n\n\t\t\t"],
)
def test_a_damaged_cache_is_begun_anew(
    tmp_path: Path, file: Path, reads: list[Path], text: str
) -> None:
    cache = tmp_path / "hashes.txt"
    cache.write_text(text)
    for _ in range(2):
        assert digests(cache, file)[file] == sha256_file(file)
    assert reads == [file]


@pytest.mark.usefixtures("later")
def test_any_damaged_byte_is_noticed(tmp_path: Path, file: Path, reads: list[Path]) -> None:
    cache = tmp_path / "hashes.txt"
    digests(cache, file)
    whole = cache.read_bytes()
    assert len(whole) > 100
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + b"#" + whole[place + 1 :]):
            reads.clear()
            cache.write_bytes(damaged)
            assert HashCache(cache).digest(file) == sha256_file(file)
            assert reads == [file], damaged


@pytest.mark.usefixtures("later")
def test_names_of_every_kind_are_remembered(tmp_path: Path, reads: list[Path]) -> None:
    root = tmp_path / "images {a}\tb"
    names = [
        "top.tif",
        "a/b.tif",
        "a/tab\t.tif",
        "a/line\n.tif",
        "\u00e4/\u65e5.tif",
        "a/\udcff.tif",
    ]
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(repr(name))
    expected = {name: sha256_file(root / name) for name in names}
    for _ in range(2):
        cache = HashCache(tmp_path / "hashes.txt")
        assert cache.digests(root, names) == expected
        cache.save()
    assert len(reads) == len(names)


@pytest.mark.usefixtures("later")
def test_what_is_not_asked_for_stays_known(tmp_path: Path, file: Path, reads: list[Path]) -> None:
    """Neither another folder's files nor the same folder's others are forgotten."""
    cache, others = tmp_path / "hashes.txt", [tmp_path / "b.tif", tmp_path / "folder/c.tif"]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_text(str(other))
    digests(cache, file)
    digests(cache, *others)
    os.utime(file)
    digests(cache, file)
    reads.clear()
    digests(cache, *others, file)
    assert reads == []


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path: Path, file: Path) -> None:
    (tmp_path / "folder").write_text("a file in place of a folder")
    found = digests(tmp_path / "folder/hashes.txt", file)
    assert found[file] == sha256_file(file)
