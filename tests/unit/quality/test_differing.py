"""How far two engines' answers lie apart: labels, outputs, and equality byte for byte."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from prepared_shards import Made, write_shard
from segtrt.errors import SegtrtError
from segtrt.quality.answers import write_answers
from segtrt.quality.decode import Decoder
from segtrt.quality.differing import Differences

DECODER = Decoder("sigmoid", 0.5)
SPLITS = ("evaluation", "calibration", "evaluation")
Values = NDArray[np.float32]


def shard(folder: Path) -> Path:
    image = np.zeros((1, 4, 4), np.float32)
    items = [Made(f"s{n}", "1", image, split=split) for n, split in enumerate(SPLITS)]
    return write_shard(folder / "tensors", items)


def answers(path: Path, outputs: list[Values], kept: tuple[int, ...] = (0, 1, 2)) -> Path:
    with write_answers(path, path.name, DECODER, (1, 4, 4)) as writer:
        for row, output in enumerate(outputs):
            if row in kept:
                writer.keep(row, output)
            labels = (np.nan_to_num(output[0]) > 0.5).astype(np.uint8)
            writer.add(labels, int(np.count_nonzero(~np.isfinite(output))))
    return path


@pytest.fixture
def outputs() -> list[Values]:
    return list(np.random.default_rng(5).random((3, 1, 4, 4), dtype=np.float32))


def compare(
    folder: Path, first: list[Values], second: list[Values], kept: tuple[int, ...] = (0, 1, 2)
) -> Differences:
    found = Differences()
    one, other = answers(folder / "one", first, kept), answers(folder / "other", second, kept)
    found.add(shard(folder), one, other)
    return found


def test_evaluation_subjects_count(tmp_path: Path, outputs: list[Values]) -> None:
    other = [one.copy() for one in outputs]
    other[0][0, 1, 1] = 1 - outputs[0][0, 1, 1]  # over the threshold, whichever side it was
    other[1][:] = 1  # calibration
    errors, equal = compare(tmp_path, outputs, other).figures()
    assert (errors.pixels, errors.flipped_pixels, errors.patches) == (32, 1, 2)
    assert equal == 1
    difference, whole = other[0] - outputs[0], np.concatenate([outputs[0], outputs[2]])
    assert errors.relative_l2 == pytest.approx(np.linalg.norm(difference) / np.linalg.norm(whole))


def test_where_none_of_theirs_were_kept_all_count(tmp_path: Path, outputs: list[Values]) -> None:
    other = [one + np.float32(0.25) for one in outputs]
    errors, equal = compare(tmp_path, outputs, other, kept=(1,)).figures()
    assert (errors.patches, equal) == (1, 0)
    assert errors.max_abs_error == pytest.approx(0.25)
    assert errors.pixels == 48


def test_equal_is_byte_for_byte(tmp_path: Path, outputs: list[Values]) -> None:
    outputs[0][0, 0, 0] = 0.0
    other = [one.copy() for one in outputs]
    other[0][0, 0, 0] = -0.0
    errors, equal = compare(tmp_path, outputs, other).figures()
    assert errors.relative_l2 == 0
    assert equal == 1


def test_values_that_are_no_numbers_on_either_side(tmp_path: Path, outputs: list[Values]) -> None:
    first = [one.copy() for one in outputs]
    first[0][0, 0, 0], first[2][0, 0, 0] = np.nan, np.inf
    second = [one.copy() for one in first]
    second[2][0, 1, 1] = np.nan
    errors, equal = compare(tmp_path, first, second).figures()
    assert errors.non_finite == 3
    assert np.isfinite(errors.relative_l2)
    assert equal == 1


def test_shards_add_up(tmp_path: Path, outputs: list[Values]) -> None:
    found = Differences()
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        one, other = answers(folder / "one", outputs), answers(folder / "other", outputs)
        found.add(shard(folder), one, other)
    errors, equal = found.figures()
    assert (errors.patches, errors.pixels, equal) == (4, 64, 4)


def test_answers_of_other_patches_are_refused(tmp_path: Path, outputs: list[Values]) -> None:
    one = answers(tmp_path / "one", outputs)
    other = answers(tmp_path / "other", outputs, kept=(0,))
    with pytest.raises(SegtrtError, match="does not hold answers to"):
        Differences().add(shard(tmp_path), one, other)
