"""Hashes, and files that are either whole or absent."""

import hashlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segtrt.errors import SegtrtError
from segtrt.files import (
    follow_umask,
    read_json,
    replacing,
    sha256_file,
    sha256_json,
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


def test_missing_json_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"engine record .*none.json does not exist; run the"):
        read_json(tmp_path / "none.json", "engine record")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"[1,]"])
def test_damaged_json_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
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
