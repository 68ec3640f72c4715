"""Files of the workflow edited by hand: whatever is in them, a command ends in one line."""

import copy
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from example_summaries import CASES as SUMMARIES
from example_summaries import make_example
from image_folders import CASES
from segtrt.cli.main import main

STRANGE: list[Any] = [
    {"x": []},
    [[]],
    "text\n\x1b[2J",
    "",
    -1,
    2**62,
    1e308,
    True,
    None,
    [2**40] * 3,
    "DEEP",
    "HUGE",
    "NAN",
]
RAW = {"DEEP": "[" * 5000 + "]" * 5000, "HUGE": "9" * 5000, "NAN": "NaN"}
"""What no value of Python's gives: put into the text in place of the word."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values; of an array the first entry stands for all."""
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        entries = enumerate(value[:1])
    for name, entry in entries:
        yield from leaves(entry, (*path, name))


def edits(path: Path, seed: int, count: int) -> Iterator[str]:
    """Write edited copies of a file in its place; yields what was done. The file is put back."""
    text = path.read_text()
    whole = json.loads(text)
    rng = random.Random(seed)
    pairs = [(where, other) for where in leaves(whole) for other in STRANGE]
    for where, other in rng.sample(pairs, min(count, len(pairs))):
        edited = copy.deepcopy(whole)
        target = edited
        for step in where[:-1]:
            target = target[step]
        target[where[-1]] = other
        written = json.dumps(edited)
        for word, raw in RAW.items():
            written = written.replace(f'"{word}"', raw)
        path.write_text(written)
        yield f"{where} = {other!r}"
    path.write_text(text)


def check(words: list[str], done: str, capsys: pytest.CaptureFixture[str]) -> int:
    code = main(words)
    error = capsys.readouterr().err
    assert code in (0, 1, 2), done
    if code == 2:
        assert error.startswith("segtrt: ") and error.count("\n") == 1, f"{done}: {error}"
        assert "Traceback" not in error and "\x1b" not in error
    return code


def test_an_engine_record_and_a_description(tmp_path: Path, capsys) -> None:
    made = CASES["TIFF in windows"].make(tmp_path)
    codes = []
    for done in edits(made.engine / "engine.json", 1, 120):
        codes.append(check(["inspect", str(made.engine)], done, capsys))
    out = ["--out", str(tmp_path / "masks"), "--overwrite"]
    image = str(made.root / "c.tif")
    for done in edits(made.engine / "engine.json", 2, 20):
        codes.append(check(["predict", str(made.engine), image, *out], done, capsys))
    for done in edits(made.engine.parents[2] / "model/segmentation.json", 3, 30):
        codes.append(check(["predict", str(made.engine), image, *out], done, capsys))
    assert codes.count(2) > 80
    shutil.rmtree(tmp_path / "masks")
    assert check(["predict", str(made.engine), image, *out], "put back", capsys) == 0


def test_a_list_of_predictions(tmp_path: Path, capsys) -> None:
    made = CASES["JPEG"].make(tmp_path)
    words = ["predict", str(made.engine), str(made.root), "--out", str(tmp_path / "masks")]
    assert check(words, "first", capsys) == 0
    for done in edits(tmp_path / "masks/predictions.json", 4, 30):
        assert check(words, done, capsys) == 2
    assert check(words, "put back", capsys) == 0


@pytest.mark.parametrize("count", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_a_summary(count: int, tmp_path: Path, capsys) -> None:
    make_example(SUMMARIES["demo"](), tmp_path)
    codes = [
        check(["pick", str(tmp_path / "summary.json"), "--slices", "7"], done, capsys)
        for done in edits(tmp_path / "summary.json", 5, count)
    ]
    assert 2 in codes
