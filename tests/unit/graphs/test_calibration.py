"""Choice and reading of calibration slices."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from prepared_shards import Made, write_shard
from segtrt.data.prepared import Prepared
from segtrt.errors import SegtrtError
from segtrt.graphs.calibration import CalibrationImages, calibration_digest, choose_slices

SHAPE = (3, 4, 4)


def make_shard(path: Path, subjects: list[tuple[str, str, int]]) -> Path:
    """Subjects as (name, split, slices); each image is filled with its slice number."""
    items = [
        Made(name, str(n), np.full(SHAPE, n, np.float32), split=split)
        for name, split, count in subjects
        for n in range(count)
    ]
    return write_shard(path, items, SHAPE)


def chosen(shards: list[Path], count: int) -> list[tuple[str, int]]:
    names = []
    for path in shards:
        with Prepared(path) as shard:
            names.append([(item.subject, int(item.name)) for item in shard.items])
    return [names[shard][row] for shard, row in choose_slices(shards, count)]


def test_even_over_subjects_and_volume(tmp_path: Path) -> None:
    subjects = [("b", "calibration", 20), ("x", "evaluation", 9), ("a", "calibration", 40)]
    shard = make_shard(tmp_path / "0", subjects)
    picks = chosen([shard], 8)
    expected = {"a": (5, 15, 25, 35), "b": (2, 7, 12, 17)}
    assert picks == [(name, number) for name, numbers in expected.items() for number in numbers]


def test_independent_of_the_shards(tmp_path: Path) -> None:
    a, b, c = ("a", "calibration", 7), ("b", "calibration", 9), ("c", "calibration", 30)
    one = [make_shard(tmp_path / "one", [c, a, b])]
    two = [make_shard(tmp_path / "two0", [b]), make_shard(tmp_path / "two1", [a, c])]
    for count in (1, 2, 5, 16, 46):
        assert chosen(one, count) == chosen(two, count)
    images = [CalibrationImages(shards, choose_slices(shards, 16)) for shards in (one, two)]
    assert calibration_digest(images[0]) == calibration_digest(images[1])


def test_small_subject_leaves_its_share_to_others(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "0", [("a", "calibration", 2), ("b", "calibration", 50)])
    picks = chosen([shard], 12)
    assert Counter(subject for subject, _ in picks) == {"a": 2, "b": 10}
    assert len(set(picks)) == 12


def test_all_slices_if_too_few_and_it_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shard = make_shard(tmp_path / "0", [("a", "calibration", 3), ("b", "evaluation", 9)])
    assert chosen([shard], 10) == [("a", 0), ("a", 1), ("a", 2)]
    assert "10 patches, the calibration subjects have 3" in caplog.text


def test_without_calibration_subjects(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "0", [("a", "evaluation", 3)])
    with pytest.raises(SegtrtError, match=r"raise dataset\.calibration_fraction"):
        choose_slices([shard], 4)


def test_images_are_read_in_order_and_again(tmp_path: Path) -> None:
    shards = [
        make_shard(tmp_path / "0", [("b", "calibration", 6)]),
        make_shard(tmp_path / "1", [("a", "calibration", 6)]),
    ]
    images = CalibrationImages(shards, [(1, 4), (0, 2), (1, 5)])
    assert len(images) == 3
    for _ in range(2):
        values = list(images)
        assert {image.shape for image in values} == {(1, *SHAPE)}
        assert [image[0, 0, 0, 0] for image in values] == [4, 2, 5]
    expected = hashlib.sha256(b"".join(image.tobytes() for image in images)).hexdigest()
    assert calibration_digest(images) == expected
    assert calibration_digest(list(images)[::-1]) != expected


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_image_that_is_not_finite_is_refused_with_its_slice(
    tmp_path: Path, value: float
) -> None:
    images = np.zeros((2, *SHAPE), np.float32)
    images[1, 0, 2, 2] = value
    items = [Made("a", str(n), image, split="calibration") for n, image in enumerate(images, 3)]
    path = write_shard(tmp_path / "shard", items)
    reported = rf"{path}, a, 4: the image has values that are infinite or not numbers"
    with pytest.raises(SegtrtError, match=reported):
        list(CalibrationImages([path], [(0, 0), (0, 1)]))


def test_patches_of_volumes_are_chosen_too(tmp_path: Path) -> None:
    volume = np.arange(3 * 9 * 16, dtype=np.float32).reshape(3, 9, 4, 4)
    items = [Made("a", "a", volume, split="calibration", size=(4, 4), axis=0)]
    path = write_shard(tmp_path / "shard", items)
    assert choose_slices([path], 3) == [(0, 1), (0, 4), (0, 7)]
    first, *_ = CalibrationImages([path], [(0, 1)])
    np.testing.assert_array_equal(first[0], volume[:, 1])
