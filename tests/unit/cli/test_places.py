"""Patterns from what a user gives: folders of any common order, or patterns."""

from pathlib import Path

import pytest
from segtrt.cli.places import Places, find_places
from segtrt.errors import SegtrtError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def test_a_folder_for_each_subject_and_masks_beside() -> None:
    touch("scans/a/1.png", "scans/a/2.png", "scans/b/1.png", "scans/notes.txt")
    assert find_places("scans", None) == Places("scans", "{subject}/{item}.png", None)
    touch("labels/a/1_mask.png", "labels/a/2_mask.png", "labels/b/1_mask.png")
    expected = Places(".", "scans/{subject}/{item}.png", "labels/{subject}/{item}_mask.png")
    assert find_places("scans", "labels") == expected
    assert find_places("scans/", "labels/") == expected


def test_a_flat_folder_of_volumes_with_masks_of_another_format() -> None:
    touch("in/x.nii.gz", "in/y.nii.gz", "truth/y.nrrd", "truth/x.nrrd", "in/y.json")
    assert find_places("in", "truth") == Places(".", "in/{subject}.nii.gz", "truth/{subject}.nrrd")


def test_images_and_masks_in_one_folder() -> None:
    touch("all/x.tif", "all/x_seg.tif", "all/y.tif", "all/y_seg.tif")
    assert find_places("all", "all") == Places("all", "{subject}.tif", "{subject}_seg.tif")


def test_dicom_series_are_folders() -> None:
    touch("scans/one/1.dcm", "scans/one/2.dcm", "scans/two/1.dcm")
    assert find_places("scans", None) == Places("scans", "{subject}/", None)


def test_patterns_are_taken_as_they_are(tmp_path: Path) -> None:
    touch("scans/a/t1_1.nii", "labels/a.nii")
    found = find_places("scans/{subject}/{channel}_1.nii", "labels/{subject}.nii")
    assert found == Places(".", "scans/{subject}/{channel}_1.nii", "labels/{subject}.nii")
    absolute = find_places(f"{tmp_path}/here/scans/{{subject}}/", None)
    assert absolute == Places(f"{tmp_path}/here/scans", "{subject}/", None)
    assert find_places("{subject}/{item}.png", None) == Places(".", "{subject}/{item}.png", None)


def test_folders_elsewhere_have_their_common_folder(tmp_path: Path) -> None:
    touch(f"{tmp_path}/data/in/x.png", f"{tmp_path}/data/out/x.png")
    found = find_places("../data/in", str(tmp_path / "data/out"))
    assert found == Places(str(tmp_path / "data"), "in/{subject}.png", "out/{subject}.png")


def test_an_nnunet_data_set_says_it_all() -> None:
    touch("task/dataset.json", "task/imagesTr/a_0000.nii.gz")
    assert find_places("task", None) == Places("task", "", None, nnunet=True)
    with pytest.raises(SegtrtError, match="leave --masks out"):
        find_places("task", "task/labelsTr")


@pytest.mark.parametrize(
    ("images", "masks", "message"),
    [
        ("nowhere", None, "nowhere is no folder"),
        ("nowhere/{subject}.png", None, "nowhere is no folder"),
        ("empty", None, "empty has no images in it or in its folders"),
        ("scans", "nowhere", "nowhere is no folder"),
        ("scans", "empty", "empty has no file named after an image of scans"),
        ("scans", "scans", "scans has no file named after an image of scans"),
    ],
)
def test_what_is_in_no_known_order_is_refused(images: str, masks: str | None, message: str) -> None:
    touch("scans/a.png", "empty/readme.txt")
    with pytest.raises(SegtrtError, match=message) as refused:
        find_places(images, masks)
    assert "give a pattern such as" in str(refused.value)
