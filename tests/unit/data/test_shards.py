"""The streaming safetensors writer and the lazy reader."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file
from segtrt.data.shards import Shard, SliceRef, write_shard
from segtrt.errors import SegtrtError

KINDS = {"images": ("F32", (3, 4, 4)), "masks": ("U8", (4, 4))}
INDEX = [SliceRef("A", n, "evaluation") for n in (1, 2, 10)] + [SliceRef("B", 7, "calibration")]
IMAGES = np.random.default_rng(1).standard_normal((4, 3, 4, 4)).astype(np.float32)
MASKS = np.random.default_rng(2).integers(0, 2, (4, 4, 4), dtype=np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A shard written in uneven pieces, its tensors taking turns."""
    path = tmp_path / "shard_00.safetensors"
    with write_shard(path, KINDS, INDEX, {"format": "test-1"}) as writer:
        writer.append("images", IMAGES[:1])
        writer.append("masks", MASKS[:3])
        writer.append("images", IMAGES[1:4])
        writer.append("masks", MASKS[3:])
    return path


def test_safetensors_reads_what_was_streamed(path: Path) -> None:
    loaded = load_file(path)
    np.testing.assert_array_equal(loaded["images"], IMAGES)
    np.testing.assert_array_equal(loaded["masks"], MASKS)
    assert loaded["images"].dtype == np.float32
    assert loaded["masks"].dtype == np.uint8


def test_safetensors_reads_rows_lazily(path: Path) -> None:
    with safe_open(path, "numpy") as file:
        part = file.get_slice("images")
        assert part.get_shape() == [4, 3, 4, 4]
        np.testing.assert_array_equal(part[1:3], IMAGES[1:3])
        assert file.metadata()["format"] == "test-1"
        assert json.loads(file.metadata()["index"])[3] == ["B", 7, "calibration"]


def test_values_begin_at_a_multiple_of_eight(path: Path) -> None:
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


def test_reader_gives_rows_index_and_subjects(path: Path) -> None:
    with Shard(path) as shard:
        assert len(shard) == 4
        assert shard.index == INDEX
        assert shard.metadata["format"] == "test-1"
        assert shard.subjects() == {"A": slice(0, 3), "B": slice(3, 4)}
        np.testing.assert_array_equal(shard.rows("images"), IMAGES)
        rows = shard.rows("masks", 1, 3)
        np.testing.assert_array_equal(rows, MASKS[1:3])
        rows[...] = 9  # a copy: the file does not change
        np.testing.assert_array_equal(shard.rows("masks", 1, 3), MASKS[1:3])


@given(st.lists(st.tuples(st.text(max_size=12), st.integers(0, 10**6)), max_size=9))
@settings(deadline=None)
def test_any_subject_name_survives(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("names") / "shard.safetensors"
    index = [SliceRef(name, number, "evaluation") for name, number in names]
    with write_shard(path, {"masks": ("U8", (2,))}, index) as writer:
        for row in range(len(index)):
            writer.append("masks", np.full((1, 2), row, np.uint8))
    with Shard(path) as shard:
        assert shard.index == index
        assert shard.rows("masks")[:, 0].tolist() == list(range(len(index)))
    with safe_open(path, "numpy") as file:
        assert file.get_tensor("masks").shape == (len(index), 2)


def test_rows_that_are_not_contiguous_are_written_right(tmp_path: Path) -> None:
    path = tmp_path / "shard.safetensors"
    turned = IMAGES.transpose(0, 1, 3, 2)
    with write_shard(path, {"images": KINDS["images"]}, INDEX) as writer:
        writer.append("images", turned)
    np.testing.assert_array_equal(load_file(path)["images"], turned)


def test_shard_without_slices(tmp_path: Path) -> None:
    path = tmp_path / "empty.safetensors"
    with write_shard(path, KINDS, []):
        pass
    with Shard(path) as shard:
        assert len(shard) == 0
        assert shard.rows("images").shape == (0, 3, 4, 4)
        assert shard.subjects() == {}
    assert load_file(path)["images"].shape == (0, 3, 4, 4)


@pytest.mark.parametrize("count", [0, 3])
def test_missing_rows_are_an_error_and_no_file_is_left(tmp_path: Path, count: int) -> None:
    path = tmp_path / "shard.safetensors"
    with (
        pytest.raises(ValueError, match=f"{4 - count} rows of images were not written"),
        write_shard(path, {"images": KINDS["images"]}, INDEX) as writer,
    ):
        writer.append("images", IMAGES[:count])
    assert list(tmp_path.iterdir()) == []


def test_surplus_rows_are_an_error_and_the_old_file_stays(path: Path) -> None:
    before = path.read_bytes()
    with (
        pytest.raises(ValueError, match="images"),
        write_shard(path, {"images": KINDS["images"]}, INDEX) as writer,
    ):
        writer.append("images", IMAGES)
        writer.append("images", IMAGES[:1])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "rows",
    [IMAGES.astype(np.float64), IMAGES[:, :1], IMAGES[0], IMAGES.astype(">f4")],
    ids=["type", "shape", "axes", "byte order"],
)
def test_rows_of_another_kind_are_refused(tmp_path: Path, rows: np.ndarray) -> None:
    with (
        pytest.raises(ValueError, match="images: rows of float32"),
        write_shard(tmp_path / "shard.safetensors", KINDS, INDEX) as writer,
    ):
        writer.append("images", rows)


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError),
        write_shard(tmp_path / "shard.safetensors", KINDS, INDEX) as writer,
    ):
        writer.append("images", IMAGES)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"shard.safetensors does not exist; run the workflow"):
        Shard(tmp_path / "shard.safetensors")


def test_every_truncation_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for length in [*range(0, 600, 7), len(content) - 1, len(content) - 64, len(content) // 2]:
        path.write_bytes(content[:length])
        with pytest.raises(SegtrtError, match=r"is damaged: .*delete it and run"):
            Shard(path)


def test_surplus_bytes_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(SegtrtError, match="is damaged: it has"):
        Shard(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"F32"', b'"F99"'),
        (b'"__metadata__"', b'"__metadatum__'),
        (b'"index"', b'"xedni"'),
        (b'"masks"', b'"masks '),
        (b"[4, 4, 4]", b"[4, 4, 5]"),
        (b'"shape"', b'"shop!"'),
        (b'"data_offsets": [0, 768]', b'"data_offsets": []      '),
        (b"[4, 3, 4, 4]", b"[4, 9e99, 4]"),
        (b"evaluation", b"evalua\xfftin"),
    ],
)
def test_damaged_header_is_refused(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(SegtrtError, match="is damaged"):
        Shard(path)


def test_index_and_rows_of_different_number_are_refused(path: Path) -> None:
    content = path.read_bytes()
    entry = b', [\\"B\\", 7, \\"calibration\\"]'
    assert entry in content
    path.write_bytes(content.replace(entry, b" " * len(entry), 1))
    with pytest.raises(SegtrtError, match="images has 4 rows, its index 3"):
        Shard(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard.safetensors"
    for content in (
        b"",
        b"PK\x03\x04" * 50,
        b"\x02" + b"\0" * 7 + b"[]",
        b"\x02" + b"\0" * 7 + b"17",
        b"\xff" * 100,
    ):
        path.write_bytes(content)
        with pytest.raises(SegtrtError, match="is damaged"):
            Shard(path)
