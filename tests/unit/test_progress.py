"""Progress: a bar on a terminal, one line in a log."""

import itertools
import logging
import sys
from collections.abc import Iterator

import pytest
from segtrt.progress import track


def test_items_pass_through_in_order_and_one_line_is_logged(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        assert list(track(iter("abc"), "reading", 3, "files")) == ["a", "b", "c"]
    (record,) = caplog.records
    assert record.getMessage().startswith("reading: 3 files in ")
    assert capsys.readouterr().err == ""


def test_nothing_is_read_ahead() -> None:
    """Items may be large: the next is asked for only when the last was taken."""
    given: list[int] = []

    def items() -> Iterator[int]:
        for number in range(3):
            given.append(number)
            yield number

    taken = track(items(), "reading", 3)
    next(taken)
    assert given == [0]


def test_a_terminal_is_shown_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    clock = itertools.count(step=10)
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    list(track(range(3), "encoding", 3))
    assert "encoding" in capsys.readouterr().err
