"""What the system refuses is reported in one line, with path, cause and advice."""

import errno
import os
from pathlib import Path

import pytest
from segtrt.errors import SegtrtError, describe_os_error, os_errors_in_one_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "a/b"),
            "a/b: No space left on device; make room on its disk",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "No space left on device; make room on its disk",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", b"a"),
            "a: No such file or directory",
        ),
        (
            OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"),
            "a -> b: Invalid cross-device link",
        ),
        (OSError("12 requested and 3 written"), "12 requested and 3 written"),
        (TimeoutError(), "TimeoutError"),
        (OSError(errno.EBADF, "Bad file descriptor", 7), "Bad file descriptor"),
    ],
)
def test_words(error: OSError, line: str) -> None:
    assert describe_os_error(error) == line
    with pytest.raises(SegtrtError) as caught, os_errors_in_one_line():
        raise error
    assert str(caught.value) == line
    assert caught.value.__cause__ is error


def test_real_errors_name_the_path_and_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reported = {}
    for name, path in {
        "gone": tmp_path / "gone",
        "inside a file": tmp_path / "file/x",
        "long": tmp_path / ("x" * 300),
        "folder": tmp_path,
    }.items():
        with pytest.raises(SegtrtError) as caught, os_errors_in_one_line():
            path.read_bytes()
        reported[name] = str(caught.value)
        assert str(path) in reported[name] and "\n" not in reported[name]
    assert reported["gone"].endswith(os.strerror(errno.ENOENT))
    assert reported["inside a file"].endswith(
        "a part of the path is a file where a folder is expected"
    )
    assert reported["long"].endswith("use a shorter name")
    assert reported["folder"].endswith("Is a directory")


def test_other_errors_keep_their_kind() -> None:
    with pytest.raises(ValueError, match="a fault of ours"), os_errors_in_one_line():
        raise ValueError("a fault of ours")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("'a  b ' does not exist", "'a  b ' does not exist"),
        (" a : is gone ", " a : is gone "),
        ("one\n   two \r\n\tthree\n", "one two three"),
        ("a\x85b\u2028c\x0bd", "a b c d"),
    ],
)
def test_a_message_is_one_line_with_its_blanks_as_they_are(given: str, line: str) -> None:
    assert str(SegtrtError(given)) == line
    assert len(line.splitlines()) == 1
