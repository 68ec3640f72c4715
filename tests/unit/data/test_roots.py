"""Where a data set begins."""

from pathlib import Path

import pytest
from hostile_images import FLAT, flat, subject, two
from segtrt.data.layout import KAGGLE
from segtrt.data.roots import find_root, holds_part, holds_tree
from segtrt.errors import SegtrtError


@pytest.mark.parametrize(
    "inner", ["", "kaggle_3m", "lgg-mri-segmentation/kaggle_3m", "x/kaggle_3m"]
)
def test_the_kaggle_tree_is_found(inner: str, tmp_path: Path) -> None:
    two(tmp_path / inner)
    assert find_root(tmp_path, KAGGLE) == tmp_path / inner


def test_real_patients(kaggle_folder: Path) -> None:
    assert find_root(kaggle_folder, KAGGLE) == kaggle_folder
    assert find_root(kaggle_folder.parent, KAGGLE) == kaggle_folder


def test_trees_of_other_layouts(tmp_path: Path) -> None:
    flat(tmp_path / "set")
    assert find_root(tmp_path, FLAT) == tmp_path / "set"
    assert holds_tree(f"{tmp_path}/set/", FLAT)
    assert not holds_tree(f"{tmp_path}/", FLAT)
    assert find_root(tmp_path, KAGGLE) == tmp_path


def test_images_alone_are_no_tree(tmp_path: Path) -> None:
    flat(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        path.unlink()
    assert not holds_tree(f"{tmp_path}/", FLAT)


def test_a_subjects_own_folder(tmp_path: Path) -> None:
    folder = subject(tmp_path, "pat_a")
    assert holds_part(folder, KAGGLE.image_pattern)
    assert not holds_part(tmp_path, KAGGLE.image_pattern)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match="does not exist"):
        find_root(tmp_path / "none", KAGGLE)
    (tmp_path / "file").touch()
    with pytest.raises(SegtrtError, match="is a file, not a folder"):
        find_root(tmp_path / "file", KAGGLE)
