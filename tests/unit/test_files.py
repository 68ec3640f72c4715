"""Hashes, and files that are either whole or absent."""

import errno
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_failures import LIBRARY, python_on_a_small_disk
from segtrt import files
from segtrt.errors import SegtrtError
from segtrt.files import (
    follow_umask,
    partial_prefix,
    read_json,
    replacing,
    replacing_folder,
    sha256_file,
    sha256_json,
    try_lock,
    write_bytes,
    write_json,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_hash_of_a_file(tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "file").write_bytes(content)
    assert sha256_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_hash_of_a_value_is_that_of_its_canonical_json() -> None:
    expected = hashlib.sha256('{"a":["é",1.5,null],"b":true}'.encode()).hexdigest()
    assert sha256_json({"b": True, "a": ["é", 1.5, None]}) == expected


@given(st.dictionaries(st.text(), JSON, max_size=6))
@settings(deadline=None)
def test_hash_of_a_value_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    assert sha256_json(value) == sha256_json(dict(reversed(value.items())))


def test_hash_tells_values_apart() -> None:
    values = [None, 0, "0", [], {}, [0], ["a", "b"], ["b", "a"], {"a": 1}, {"a": "1"}]
    assert len({sha256_json(value) for value in values}) == len(values)


def test_replacing_moves_into_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    with replacing(path) as partial:
        partial.write_bytes(b"content")
        assert not path.exists()
        assert partial.parent == path.parent
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]


def test_replacing_replaces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    with replacing(path) as partial:
        partial.write_bytes(b"new")
        assert path.read_bytes() == b"old and longer"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failed_block_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as partial:
        partial.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_results_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "name",
    [
        "x" * 255,
        "é" * 127,
        "\N{BRAIN}" * 63,
        "x" * 240 + "é" * 7,
        "a",
        "x" * 239,
        "x" * 240,
        "x" * 241,
    ],
)
def test_any_name_that_the_file_system_allows_can_be_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in (b"first", b"second"):
        with replacing(path) as partial:
            partial.write_bytes(content)
            assert partial.name.startswith(partial_prefix(path)) and partial.name.endswith(".part")
            assert partial.name.startswith(f".{name[:50]}")
        assert path.read_bytes() == content
    path.unlink()
    with replacing_folder(path) as folder:
        (folder / "inside").write_bytes(b"")
    assert names_in(path) == ["inside"]
    assert names_in(tmp_path) == [name]


def test_a_name_that_is_too_long_is_refused_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 128)
    with pytest.raises(OSError, match="name too long") as caught, replacing(path):
        pytest.fail("the block ran")
    assert caught.value.errno == errno.ENAMETOOLONG and caught.value.filename == str(path)


def test_content_is_synced_before_the_move_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As seen by the system: what each descriptor that is synced is open on."""
    path, seen = tmp_path / "folder/file", []

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        seen.append((target.suffix, path.exists()) if target.is_file() else (target, path.exists()))

    monkeypatch.setattr(files.os, "fsync", fsync)
    write_bytes(path, b"content")
    assert seen == [(".part", False), (tmp_path / "folder", True)]


def test_everything_in_a_folder_is_synced_before_the_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "masks", []

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        seen.append((target.name if target.suffix != ".part" else "itself", path.exists()))

    monkeypatch.setattr(files.os, "fsync", fsync)
    with replacing_folder(path) as partial:
        for name in ("a", "b"):
            (partial / name).mkdir()
            (partial / name / f"{name}.png").write_bytes(b"mask")
    *inside, itself, above = seen
    assert sorted(inside) == [("a", False), ("a.png", False), ("b", False), ("b.png", False)]
    assert (itself, above) == (("itself", False), (tmp_path.name, True))


def test_a_folder_takes_the_place_of_another_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for number in range(3):
        with replacing_folder(path) as partial:
            (partial / str(number)).write_bytes(b"x")
            assert names_in(path) == [str(number - 1)] if number else not path.exists()
        assert names_in(path) == [str(number)]
    with pytest.raises(KeyboardInterrupt), replacing_folder(path) as partial:
        (partial / "half").write_bytes(b"x")
        raise KeyboardInterrupt
    assert names_in(path) == ["2"] and names_in(tmp_path) == ["folder"]


def test_a_temporary_file_is_locked_while_its_writer_lives(tmp_path: Path) -> None:
    def is_free(path: Path) -> bool | None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return try_lock(descriptor)
        finally:
            os.close(descriptor)

    with replacing(tmp_path / "file") as partial:
        partial.write_bytes(b"rewritten as a whole")
        assert is_free(partial) is False
    assert is_free(tmp_path / "file") is True
    with replacing_folder(tmp_path / "folder") as partial:
        assert is_free(partial) is False
    assert is_free(tmp_path / "folder") is True


def test_a_temporary_file_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def sweeping(descriptor: int) -> bool | None:
        calls.append(descriptor)
        if len(calls) == 1:
            Path(f"/proc/self/fd/{descriptor}").readlink().unlink()
        return len(calls) != 2

    monkeypatch.setattr(files, "try_lock", sweeping)
    write_bytes(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content" and len(calls) == 3


def test_a_file_system_without_locks_is_written_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    write_bytes(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


FULL = """
import sys
from pathlib import Path
from segtrt.errors import describe_os_error
from segtrt.files import replacing_folder, write_bytes
disk = Path(sys.argv[1])
write_bytes(disk / "new/file", b"old")
for write in (lambda: write_bytes(disk / "new/file", bytes(2**20)), lambda: fill(disk / "masks")):
    try:
        write()
    except OSError as error:
        print(describe_os_error(error))
print((disk / "new/file").read_bytes(), sorted(p.name for p in disk.rglob("*")))
"""


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    fill = """
def fill(folder):
    with replacing_folder(folder) as partial:
        (partial / "a.png").write_bytes(bytes(2**20))
"""
    done = python_on_a_small_disk(fill + FULL, tmp_path, 64)
    assert done.stdout.splitlines() == [
        f"{tmp_path}/new/file: No space left on device; make room on its disk",
        f"{tmp_path}/masks: No space left on device; make room on its disk",
        "b'old' ['file', 'new']",
    ], done.stderr


def test_a_limit_on_the_size_of_files_names_the_file(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from segtrt.files import write_bytes\n"
        "from segtrt.errors import os_errors_in_one_line\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with os_errors_in_one_line(): write_bytes(Path(sys.argv[1]), bytes(5000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")],
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"segtrt.errors.SegtrtError: {tmp_path}/file: File too large; raise the")
    assert names_in(tmp_path) == []


def test_trouble_with_the_temporary_file_is_reported_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
        write_bytes(tmp_path / "file/inside", b"")
    assert caught.value.filename == str(tmp_path / "file")
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "other") as partial:
        partial.unlink()
    assert caught.value.filename == str(tmp_path / "other")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_bytes(tmp_path / "folder", b"")
    assert caught.value.filename == str(tmp_path / "folder") and caught.value.filename2 is None
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "other"):
        (tmp_path / "an input").read_bytes()
    assert caught.value.filename == str(tmp_path / "an input")
    assert names_in(tmp_path) == ["file", "folder"]


def test_a_folder_is_opened_as_a_new_one_in_a_shared_folder_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    before = os.umask(0o007)
    try:
        (tmp_path / "new").mkdir()
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        follow_umask(folder)
    finally:
        os.umask(before)
    assert folder.stat().st_mode == (tmp_path / "new").stat().st_mode
    assert folder.stat().st_mode & 0o777 == 0o770


@given(JSON)
@settings(deadline=None)
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_json(path, value)
    assert read_json(path, "value") == value
    assert path.read_bytes().endswith(b"\n")


def test_json_is_readable_and_keeps_the_order_of_keys(tmp_path: Path) -> None:
    write_json(tmp_path / "value.json", {"b": "größer", "a": [1]})
    expected = '{\n  "b": "größer",\n  "a": [\n    1\n  ]\n}\n'
    assert (tmp_path / "value.json").read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}])
def test_what_json_has_no_word_for_is_not_written(tmp_path: Path, value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "value.json", {"value": value})
    assert list(tmp_path.iterdir()) == []


def test_missing_json_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"engine record .*none.json does not exist; run the"):
        read_json(tmp_path / "none.json", "engine record")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"[1,]"])
def test_damaged_json_is_reported_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    with pytest.raises(SegtrtError, match=r"engine record .* is not valid JSON") as caught:
        read_json(path, "engine record")
    assert "\n" not in str(caught.value)


def test_cut_json_never_reads_as_something_else(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"numbers": [1, 2, 3], "text": "x"})
    content = path.read_bytes()
    for length in range(len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(SegtrtError):
            read_json(path, "value")
    assert json.loads(content) == {"numbers": [1, 2, 3], "text": "x"}


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused_when_read(tmp_path: Path, word: str) -> None:
    (tmp_path / "x.json").write_text(f'{{"error": {word}}}')
    with pytest.raises(
        SegtrtError, match=rf"scores .*x\.json is not valid JSON .*{word} for a num"
    ):
        read_json(tmp_path / "x.json", "scores")
