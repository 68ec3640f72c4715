"""Finding, pairing and checking subjects: real patients, and every fault by itself."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from segtrt.data.kaggle_layout import (
    count_images,
    find_root,
    list_subjects,
)
from segtrt.data.kaggle_scan import scan_subject, scan_subjects
from segtrt.errors import SegtrtError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (256, 256, 3), np.uint8)
MASK = np.where(PIXELS[..., 0] > 200, 255, 0).astype(np.uint8)


def write_subject(folder: Path, numbers: tuple[int, ...] = (1, 2, 10)) -> Path:
    folder.mkdir(parents=True)
    for number in numbers:
        Image.fromarray(PIXELS).save(folder / f"{folder.name}_{number}.tif")
        Image.fromarray(MASK).save(folder / f"{folder.name}_{number}_mask.tif")
    return folder


@pytest.fixture
def subject(tmp_path: Path) -> Path:
    return write_subject(tmp_path / "S1")


def fault(folder: Path) -> str:
    with pytest.raises(SegtrtError) as caught:
        scan_subject(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_real_patients(kaggle_folder: Path) -> None:
    root = find_root(kaggle_folder)
    names = list_subjects(root)
    assert len(names) == 6
    slices, faults = scan_subjects(root, names)
    assert faults == {}
    assert [len(slices[name]) for name in names] == [23, 20, 20, 20, 20, 20]
    assert [count_images(root / name) for name in names] == [23, 20, 20, 20, 20, 20]
    first = slices[names[0]]
    assert [files.number for files in first] == list(range(1, 24))
    assert first[9].image.name == f"{names[0]}_10.tif"
    assert first[9].mask_sha256 == hashlib.sha256(first[9].mask.read_bytes()).hexdigest()


def test_numeric_order_and_ignored_files(subject: Path) -> None:
    (subject / "notes.txt").write_text("x")
    (subject / "._S1_1.tif").write_bytes(b"x")
    (subject / ".DS_Store").write_bytes(b"x")
    assert [files.number for files in scan_subject(subject)] == [1, 2, 10]


def test_a_name_with_pattern_characters(tmp_path: Path) -> None:
    assert len(scan_subject(write_subject(tmp_path / "a+b (c)"))) == 3


def test_missing_mask(subject: Path) -> None:
    (subject / "S1_2_mask.tif").unlink()
    message = fault(subject)
    assert "S1_2.tif has no mask" in message
    assert "S1_2_mask.tif" in message


def test_mask_without_image(subject: Path) -> None:
    (subject / "S1_10.tif").unlink()
    assert "S1_10_mask.tif has no image, expected S1_10.tif" in fault(subject)


@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_duplicate_number(subject: Path, suffix: str) -> None:
    shutil.copy(subject / f"S1_1{suffix}.tif", subject / f"S1_01{suffix}.tif")
    message = fault(subject)
    assert f"S1_1{suffix}.tif" in message
    assert f"S1_01{suffix}.tif" in message
    assert "both slice 1" in message


def test_a_foreign_name(subject: Path) -> None:
    shutil.copy(subject / "S1_1.tif", subject / "S2_3.tif")
    assert "S2_3.tif does not follow S1_<n>.tif" in fault(subject)


def test_another_suffix_is_not_lost_silently(subject: Path) -> None:
    shutil.copy(subject / "S1_1.tif", subject / "S1_4.tiff")
    assert "S1_4.tiff does not follow" in fault(subject)


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "S1").mkdir()
    assert "has no slices" in fault(tmp_path / "S1")


@pytest.mark.parametrize("file", ["S1_2.tif", "S1_2_mask.tif"])
def test_another_size(subject: Path, file: str) -> None:
    pixels = PIXELS if "mask" not in file else MASK
    Image.fromarray(pixels[:128]).save(subject / file)
    message = fault(subject)
    assert f"{file} is 256x128 pixels, expected 256x256" in message


@pytest.mark.parametrize(
    ("file", "pixels"),
    [
        ("S1_2.tif", MASK),
        ("S1_2.tif", np.dstack([PIXELS, MASK])),
        ("S1_2_mask.tif", PIXELS),
        ("S1_2_mask.tif", MASK.astype(np.uint16)),
        ("S1_2_mask.tif", MASK.astype(np.float32)),
        ("S1_2_mask.tif", MASK > 0),
    ],
)
def test_another_type(subject: Path, file: str, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(subject / file)
    message = fault(subject)
    assert f"{file} is of type" in message
    assert "of 8 bits" in message


def test_sixteen_bit_colour(subject: Path) -> None:
    import tifffile

    tifffile.imwrite(subject / "S1_2.tif", PIXELS.astype(np.uint16) * 257, photometric="rgb")
    assert "S1_2.tif is of type RGB with 16/16/16 bits" in fault(subject)


def test_several_pages(subject: Path) -> None:
    page = Image.fromarray(PIXELS)
    page.save(subject / "S1_2.tif", save_all=True, append_images=[page])
    assert "S1_2.tif holds several images" in fault(subject)


def test_mask_with_other_values(subject: Path) -> None:
    mask = MASK.copy()
    mask[3, 4:6] = 1
    Image.fromarray(mask).save(subject / "S1_2_mask.tif")
    assert "S1_2_mask.tif has the value 1 in 2 pixels" in fault(subject)


@pytest.mark.filterwarnings("ignore:Truncated File Read")
@pytest.mark.parametrize("cut", [0, 4, 100, 60_000, -1])
def test_cut_short(subject: Path, cut: int) -> None:
    path = subject / "S1_2.tif"
    path.write_bytes(path.read_bytes()[:cut])
    assert "S1_2.tif is damaged or not a TIFF file" in fault(subject)


def test_not_a_tiff(subject: Path) -> None:
    Image.fromarray(PIXELS).save(subject / "S1_2.tif", format="PNG")
    assert "S1_2.tif is damaged or not a TIFF file" in fault(subject)


def test_faults_name_files_relative_to_the_root(tmp_path: Path) -> None:
    write_subject(tmp_path / "S1", (1,))
    (write_subject(tmp_path / "S2", (1,)) / "S2_1_mask.tif").unlink()
    slices, faults = scan_subjects(tmp_path, ["S1", "S2"])
    assert list(slices) == ["S1"]
    assert faults["S2"].startswith("S2/S2_1.tif has no mask")
    assert str(tmp_path) not in faults["S2"]


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["S1"], "."),
        (["kaggle_3m/S1"], "kaggle_3m"),
        (["lgg-mri-segmentation/kaggle_3m/S1"], "lgg-mri-segmentation/kaggle_3m"),
        (["kaggle_3m/S1", "lgg-mri-segmentation/kaggle_3m/S1"], "kaggle_3m"),
        (["versions/kaggle_3m/S1", ".cache/kaggle_3m/S1"], "versions/kaggle_3m"),
    ],
)
def test_root(tmp_path: Path, folders: list[str], expected: str) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert find_root(tmp_path) == tmp_path / expected


def test_several_roots_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "kaggle_3m").mkdir(parents=True)
    with pytest.raises(SegtrtError, match=r"2 trees \(a/kaggle_3m, b/kaggle_3m\)"):
        find_root(tmp_path)


def test_missing_root(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"nowhere does not exist; set dataset\.path"):
        find_root(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(SegtrtError, match="is a file"):
        find_root(tmp_path / "file")


def test_no_subjects(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "data.csv").touch()
    with pytest.raises(SegtrtError, match="has no subjects"):
        list_subjects(tmp_path)


def test_a_subjects_folder_given_as_the_root(subject: Path) -> None:
    with pytest.raises(SegtrtError, match="looks like one subject's folder"):
        list_subjects(subject)
