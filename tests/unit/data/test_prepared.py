"""Shards of prepared images: what is written is read back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_shards import TUMOUR, Made, write_shard
from safetensors import safe_open
from safetensors.numpy import save_file
from segtrt.data.layout import Item
from segtrt.data.prepared import FORMAT, Prepared, PreparedItem, count_patches, source_of
from segtrt.errors import SegtrtError

RNG = np.random.default_rng(5)


def made(subject: str, name: str, depth: int, *, truth: bool = True) -> Made:
    """A volume of `depth` slices, cut into windows of 4 x 6."""
    image = RNG.normal(size=(2, depth, 8, 6)).astype(np.float32)
    mask = RNG.integers(0, 2, (depth, 8, 6), np.uint8) if truth else None
    return Made(subject, name, image, mask, size=(4, 6), axis=0)


ITEMS = [made("a", "1", 3), made("a", "2", 1, truth=False), made("b", "b", 2)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_shard(tmp_path / "shard", ITEMS)


def test_items_and_patches_come_back(path: Path) -> None:
    with Prepared(path) as shard:
        assert (len(shard), shard.patch, shard.labels) == (12, (2, 4, 6), TUMOUR)
        assert [item.rows for item in shard.items] == [range(6), range(6, 8), range(8, 12)]
        assert [item.title for item in shard.items] == ["a, 1", "a, 2", "b"]
        assert shard.subjects() == {"a": [0, 1], "b": [2]}
        assert count_patches(shard.items) == {"a": 8, "b": 4}
        for place, (item, given) in enumerate(zip(shard.items, ITEMS, strict=True)):
            slabs = given.image.swapaxes(0, 1).reshape(-1, 2, 2, 4, 6).swapaxes(1, 2)
            expected = slabs.reshape(-1, 2, 4, 6)
            np.testing.assert_array_equal(shard.images(item.rows.start, item.rows.stop), expected)
            for row, patch in enumerate(expected):
                np.testing.assert_array_equal(item.patches.patch(given.image, row), patch)
            assert item.has_truth is (given.truth is not None)
            if given.truth is not None:
                np.testing.assert_array_equal(shard.truth(place), given.truth)
        with pytest.raises(SegtrtError, match="it lacks truth/1"):
            shard.truth(1)


def test_an_empty_shard_knows_its_patch(tmp_path: Path) -> None:
    with Prepared(write_shard(tmp_path / "s", [], (1, 8, 8), None)) as shard:
        assert (len(shard), shard.patch, shard.items, shard.labels) == (0, (1, 8, 8), (), None)


def item(name: str) -> Item:
    images = (f"p/{name}.png", f"p/{name}_t2.png")
    return Item(Path("root"), "p", name, images, f"m/{name}.png", (*images, "x"), f"m/{name}.png")


def test_the_source_gives_the_files_back(path: Path) -> None:
    with Prepared(path) as shard:
        one = shard.items[0]
    for items in ([item("1")], [item("1"), item("2"), item("3")]):
        data = json.loads(json.dumps({**one.to_json(), "source": source_of(items)}))
        read = PreparedItem.from_json(data, 0)
        assert read.files(Path("root")) == tuple(items)
        assert read.stacked is (len(items) > 1)


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("format", lambda _: "other"),
        ("items", lambda text: json.dumps(json.loads(text)[:-1])),
        ("items", lambda _: "[{}]"),
        ("items", lambda _: "nothing"),
        ("labels", lambda _: "3"),
        ("preparation", lambda _: "3"),
    ],
)
def test_another_file_is_refused(path: Path, key: str, change: Any) -> None:
    with safe_open(path, "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    assert metadata["format"] == FORMAT
    save_file(tensors, path, {**metadata, key: change(metadata[key])})
    with pytest.raises(SegtrtError, match="shard is damaged: "):
        Prepared(path)
    save_file(tensors, path, {name: value for name, value in metadata.items() if name != key})
    with pytest.raises(SegtrtError, match="shard is damaged: "):
        Prepared(path)
