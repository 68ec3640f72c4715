"""Which images words of the command line mean."""

from pathlib import Path

import numpy as np
import pytest
from dicom_series import write_series
from segtrt.data.layout import KAGGLE, Layout
from segtrt.deploy.images import Found, find_images, group_items
from segtrt.errors import SegtrtError

FLAT = Layout("{item}.png")
CHANNELS = Layout("{subject}/{item}_{channel}.nii.gz", None, ("t2", "t1"))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"\0" * 200)


def reported(found: Found) -> list[tuple[str, str, tuple[str, ...], str]]:
    """Subject, root, images and output of each item."""
    return [(one.subject, str(one.root), one.images, one.output) for one in found.items]


def test_a_folder_of_the_engines_layout_is_read_like_its_data_set() -> None:
    touch(*(f"data/p/p_{n}{kind}.tif" for n in (10, 9) for kind in ("", "_mask")), "data/notes.txt")
    found = find_images(["data"], KAGGLE)
    assert reported(found) == [("p", "data", (f"p/p_{n}.tif",), f"p/p_{n}.tif") for n in (9, 10)]
    assert found.masks == 2
    assert found.faults == []


def test_a_subjects_folder_and_its_files_keep_their_subject() -> None:
    touch("data/p/p_9.tif", "data/p/p_10.tif", "data/p/p_9_mask.tif")
    expected = [("p", "data", (f"p/p_{n}.tif",), f"p/p_{n}.tif") for n in (9, 10)]
    assert reported(find_images(["data/p"], KAGGLE)) == expected
    assert reported(find_images(["data/p/*.tif"], KAGGLE)) == expected
    assert reported(find_images(["data/p/p_9.tif", "data/p/p_10.tif"], KAGGLE)) == expected


def test_paths_are_understood_from_any_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("data/p/p_9.tif")
    monkeypatch.chdir("data/p")
    for word in ("p_9.tif", "../p/p_9.tif", str(Path("p_9.tif").absolute())):
        (item,) = find_images([word], KAGGLE).items
        assert item.subject == "p"
        assert (item.root / item.images[0]).samefile("p_9.tif")


def test_another_folder_gives_every_image_below_it() -> None:
    touch("new/b.png", "new/deep/er/a.tif", "new/notes.txt", "new/.hidden.png", "new/v.mhd")
    touch("new/v.raw")
    found = find_images(["new"], KAGGLE)
    assert [one.output for one in found.items] == ["b.png", "v.mhd", "deep/er/a.tif"]
    assert found.items[1].files == ("v.mhd", "v.raw")


def test_a_folder_of_dicom_files_is_one_image() -> None:
    places = [(0.0, 0.0, 2.0 * place) for place in range(3)]
    for folder in ("scans/one", "scans/two"):
        write_series(Path(folder), np.zeros((3, 4, 4), np.int16), places)
    for file in Path("scans/two").iterdir():
        file.rename(file.with_suffix(""))
    found = find_images(["scans"], FLAT)
    assert [(one.images, len(one.files)) for one in found.items] == [(("one",), 3), (("two",), 3)]
    assert [one.images for one in find_images(["scans/one"], FLAT).items] == [("one",)]


def test_channels_are_put_together_in_the_networks_order() -> None:
    touch("data/p/a_t1.nii.gz", "data/p/a_t2.nii.gz", "data/q/b_t1.nii.gz")
    for words in (["data/p/a_t1.nii.gz", "data/p/a_t2.nii.gz"], ["data/p"], ["data"]):
        found = find_images(words, CHANNELS)
        assert reported(found) == [
            ("p", "data", ("p/a_t2.nii.gz", "p/a_t1.nii.gz"), "p/a.nii.gz"),
        ]
    (fault,) = found.faults
    assert "data/q/b_t1.nii.gz lacks the channel t2, expected data/q/b_t2.nii.gz" in fault
    (fault,) = find_images(["data/q/b_t1.nii.gz"], CHANNELS).faults
    assert "data/q/b_t1.nii.gz lacks the channel t2, expected data/q/b_t2.nii.gz" in fault


def test_a_pattern_tells_subjects_of_other_folders() -> None:
    touch("in/x/ct_1.png", "in/x/ct_2.png", "in/y/ct_1.png", "in/y/mr_1.png")
    found = find_images(["in/{subject}/ct_{item}.png"], FLAT)
    assert [(one.subject, one.name) for one in found.items] == [("x", "1"), ("x", "2"), ("y", "1")]


def test_masks_of_another_name_are_reported_by_their_images() -> None:
    layout = Layout("{item}.jpg", "{item}.png")
    touch("old/a.jpg", "old/a.png", "new/b.png")
    found = find_images(["old"], layout)
    assert ([one.images for one in found.items], found.masks) == ([("a.jpg",)], 1)
    assert [one.images for one in find_images(["new"], layout).items] == [("b.png",)]


def test_names_below_a_folder_keep_their_folders() -> None:
    touch("new/a/x.png", "new/b/x.png", "new/x.jpg")
    found = find_images(["new"], FLAT)
    assert sorted(one.output for one in found.items) == ["a/x.png", "b/x.png", "x.jpg"]
    assert {one.name for one in found.items} == {"x"}


def test_an_image_named_twice_is_taken_once() -> None:
    touch("a/x.png", "a/y.png")
    found = find_images(["a/x.png", "a", str(Path("a").absolute())], FLAT)
    assert [one.output for one in found.items] == ["x.png", "y.png"]


def test_a_link_in_a_circle_ends() -> None:
    touch("a/x.tif")
    Path("a/again").symlink_to(Path("a").absolute())
    assert [one.output for one in find_images(["a"], KAGGLE).items] == ["x.tif"]


def test_subjects_are_grouped_where_their_slices_belong_together() -> None:
    touch("p/p_10.tif", "q/q_1.tif", "p/p_9.tif")
    items = find_images(["p/p_10.tif", "q/q_1.tif", "p/p_9.tif"], KAGGLE).items
    names = [[one.name for one in group] for group in group_items(items, by_subject=True)]
    assert names == [["9", "10"], ["1"]]
    assert len(list(group_items(items, by_subject=False))) == 3


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("gone.png", "does not exist"),
        ("gone*.png", "matches nothing"),
        ("gone/{item}.png", "no folder gone"),
        ("{item}.png", "matches nothing below"),
        ("{wrong}.png", "has the wildcard"),
        (".", "holds no image"),
    ],
)
def test_a_word_that_means_nothing_is_refused(word: str, message: str) -> None:
    with pytest.raises(SegtrtError, match=message):
        find_images([word], FLAT)
