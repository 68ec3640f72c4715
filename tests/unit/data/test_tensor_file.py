"""Files written and read in pieces: safetensors' own reader sees the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from segtrt.data.tensor_file import TensorFile, write_tensors
from segtrt.errors import SegtrtError

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(5, 2, 3)).astype(np.float32)
WHOLE = {"a": RNG.integers(0, 9, (4, 1), np.uint8), "b": RNG.normal(size=7).astype(np.float32)}


def written(path: Path) -> Path:
    with write_tensors(path) as file:
        file.append("rows", ROWS[:2])
        file.add("a", WHOLE["a"])
        file.append("rows", ROWS[2:])
        file.add("b", WHOLE["b"])
        file.begin("none", (3, 2))
        file.metadata["note"] = "text"
    return path


def test_safetensors_reads_what_was_written(tmp_path: Path) -> None:
    with safe_open(written(tmp_path / "t"), "np") as file:
        assert file.metadata() == {"note": "text"}
        np.testing.assert_array_equal(file.get_tensor("rows"), ROWS)
        assert file.get_tensor("none").shape == (0, 3, 2)
        for name, values in WHOLE.items():
            np.testing.assert_array_equal(file.get_tensor(name), values)


def test_rows_and_whole_tensors_are_read(tmp_path: Path) -> None:
    with TensorFile(written(tmp_path / "t")) as file:
        np.testing.assert_array_equal(file.rows("rows", 1, 4), ROWS[1:4])
        np.testing.assert_array_equal(file.rows("rows"), ROWS)
        assert file.rows("rows", 4, 2).shape == (0, 2, 3)
        np.testing.assert_array_equal(file.whole("a"), WHOLE["a"])
        with pytest.raises(SegtrtError, match="it lacks c"):
            file.whole("c")


def test_what_safetensors_wrote_is_read(tmp_path: Path) -> None:
    save_file({"rows": ROWS}, tmp_path / "t", {"k": "v"})
    with TensorFile(tmp_path / "t") as file:
        np.testing.assert_array_equal(file.rows("rows"), ROWS)


def test_rows_that_differ_and_names_given_twice_are_refused(tmp_path: Path) -> None:
    with write_tensors(tmp_path / "t") as file:
        file.append("rows", ROWS)
        for wrong in (ROWS[:, :1], ROWS.view(np.uint8)):
            with pytest.raises(ValueError, match="rows of float32"):
                file.append("rows", wrong)
        file.add("a", WHOLE["a"])
        with pytest.raises(ValueError, match="written twice"):
            file.add("a", WHOLE["a"])


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        with write_tensors(path) as file:
            file.append("rows", ROWS)
            raise KeyError

    with pytest.raises(KeyError):
        fail(tmp_path / "t")
    assert list(tmp_path.iterdir()) == []


def changed(content: bytes, what: str) -> bytes:
    changes: dict[str, Any] = {
        "cut": content[:-1],
        "longer": content + b"x",
        "empty": b"",
        "header": content[:20],
        "huge": (2**60).to_bytes(8, "little") + content[8:],
        "type": content.replace(b'"F32"', b'"F99"', 1),
        "shape": content.replace(b"[5, 2, 3]", b"[6, 2, 3]"),
        "negative": content.replace(b"[5, 2, 3]", b"[-5,2,3]", 1),
        "text": b"not a tensor file at all",
    }
    return bytes(changes[what])


@pytest.mark.parametrize(
    "what",
    ["cut", "longer", "empty", "header", "huge", "type", "shape", "negative", "text"],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    path = written(tmp_path / "t")
    path.write_bytes(changed(path.read_bytes(), what))
    with pytest.raises(SegtrtError, match=r"t is damaged: .*delete it and run") as caught:
        TensorFile(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match="does not exist; run the workflow"):
        TensorFile(tmp_path / "t")
