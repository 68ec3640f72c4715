"""Which patches become samples: of slices, volumes, stacks and windows."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from prepared_shards import Made, encode, list_folder, write_shard
from segtrt.data.prepared import Prepared
from segtrt.data.scan import Demands
from segtrt.errors import SegtrtError
from segtrt.graphs.sample import Sample
from segtrt.graphs.sample_inputs import write_sample_inputs
from segtrt.graphs.samples import read_tensor

VOLUME = np.random.default_rng(0).normal(size=(1, 5, 4, 8)).astype(np.float32)


def chosen(shards: list[Path], folder: Path, *samples: Sample) -> list[NDArray[np.float32]]:
    count = write_sample_inputs(shards, samples or None, folder)
    return [read_tensor(folder / f"test_data_set_{n}/input_0.pb")[0] for n in range(count)]


def test_the_demos_samples_are_in_the_middle_of_its_first_subjects(
    project_root: Path, tmp_path: Path
) -> None:
    root = project_root / "data/demo/kaggle_3m"
    names = [f"DEMO_000{number}" for number in (1, 2, 3)]
    (shard,) = list_folder(root, tmp_path, subjects=names)
    encode(shard, root, tmp_path / "shard")
    unasked = chosen([tmp_path / "shard"], tmp_path / "a")
    asked = chosen([tmp_path / "shard"], tmp_path / "b", *(Sample(name, 8) for name in names))
    np.testing.assert_array_equal(unasked, asked)


def test_few_subjects_give_several(tmp_path: Path) -> None:
    items = [Made("b", "b", VOLUME, size=(4, 8), axis=0), Made("a", "a", VOLUME[:, 0])]
    shard = write_shard(tmp_path / "shard", items)
    first, second, third = chosen([shard], tmp_path)
    np.testing.assert_array_equal(first, VOLUME[:, 0])
    np.testing.assert_array_equal(second, VOLUME[:, 2])
    np.testing.assert_array_equal(third, VOLUME[:, 0])
    alone = chosen([write_shard(tmp_path / "alone", items[:1])], tmp_path)
    np.testing.assert_array_equal(alone, [VOLUME[:, n] for n in (0, 2, 4)])
    with pytest.raises(SegtrtError, match="no image to take samples of"):
        chosen([write_shard(tmp_path / "none", [], (1, 4, 8))], tmp_path)


def test_slices_and_windows_of_volumes(tmp_path: Path) -> None:
    items = [
        Made("p", "t0", VOLUME, size=(4, 4), axis=0),
        Made("p", "t1", VOLUME + 1, size=(4, 4), axis=0),
    ]
    shard = write_shard(tmp_path / "shard", items)
    found = chosen(
        [shard],
        tmp_path,
        Sample("p", 3, "t1", 1),
        Sample("p", item="t0", patch=2),
        Sample("p", patch=11),
    )
    np.testing.assert_array_equal(found[0], (VOLUME + 1)[:, 3, :, 4:])
    np.testing.assert_array_equal(found[1], VOLUME[:, 1, :, :4])
    np.testing.assert_array_equal(found[2], (VOLUME + 1)[:, 0, :, 4:])
    for sample, reported in (
        (Sample("p", 5), "slice 5 of p, .*choose from 0, 1, 2, 3, 4"),
        (Sample("p", item="t2"), "item t2 of p, .*choose from t0, t1"),
        (Sample("p", 3, "t1", 2), "patch 2 of p, expected 0 to 1"),
    ):
        with pytest.raises(SegtrtError, match=reported):
            chosen([shard], tmp_path, sample)


def test_slices_of_a_stack_go_by_their_files(project_root: Path, tmp_path: Path) -> None:
    root = project_root / "data/demo/kaggle_3m"
    (shard,) = list_folder(root, tmp_path, subjects=["DEMO_0001"], demands=Demands(stacked=True))
    encode(shard, root, tmp_path / "shard", {"normalisation": "volume"})
    with Prepared(tmp_path / "shard") as prepared:
        (item,) = prepared.items
        assert item.placement.slices == range(1, 15)
        expected = prepared.images(6, 7)
    sample, named = Sample("DEMO_0001", 8), Sample("DEMO_0001", item="8")
    np.testing.assert_array_equal(chosen([tmp_path / "shard"], tmp_path, sample), expected)
    np.testing.assert_array_equal(chosen([tmp_path / "shard"], tmp_path, named), expected)
    with pytest.raises(SegtrtError, match=r"slice 1 of DEMO_0001, .*choose from 2, 3"):
        chosen([tmp_path / "shard"], tmp_path, Sample("DEMO_0001", 1))
