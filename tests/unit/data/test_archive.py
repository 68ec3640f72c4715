"""Unpacking: one copy of the tree, and every zip file that must be refused."""

import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from segtrt.data.archive import extract_zip
from segtrt.data.layout import KAGGLE
from segtrt.data.listing import list_items
from segtrt.errors import SegtrtError

TREE = {
    "kaggle_3m/S1/S1_1.tif": b"image",
    "kaggle_3m/S1/S1_1_mask.tif": b"mask",
    "kaggle_3m/S2/S2_1.tif": b"image 2",
    "kaggle_3m/data.csv": b"table",
    "kaggle_3m/README.md": b"text",
}


def pack(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def unpacked(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refusal(zip_path: Path) -> str:
    folder = zip_path.parent / "out"
    before = set(zip_path.parent.iterdir())
    with pytest.raises(SegtrtError) as caught:
        extract_zip(zip_path, folder)
    assert set(zip_path.parent.iterdir()) == before, "something was left behind"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_real_patients_in_both_copies(kaggle_folder: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in kaggle_folder.iterdir() if path.is_dir())[:2]
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for copy in ("kaggle_3m", "lgg-mri-segmentation/kaggle_3m"):
            for name in names:
                for path in (kaggle_folder / name).iterdir():
                    archive.write(path, f"{copy}/{name}/{path.name}")
    extract_zip(tmp_path / "archive.zip", tmp_path / "out")
    listing = list_items(tmp_path / "out", KAGGLE)
    assert listing.problems == ()
    assert [listing.counts[name] for name in names] == [23, 20]
    for name in names:
        for path in (kaggle_folder / name).iterdir():
            assert (tmp_path / "out" / name / path.name).read_bytes() == path.read_bytes()


def test_only_what_is_needed_of_the_first_copy(tmp_path: Path) -> None:
    second = {f"lgg-mri-segmentation/{name}": b"second copy" for name in TREE}
    extra = {
        "kaggle_3m/S1/Thumbs.db": b"x",
        "kaggle_3m/S1/.hidden.tif": b"x",
        "__MACOSX/kaggle_3m/S1/._S1_1.tif": b"x",
        "setup.exe": b"x",
    }
    zip_path = pack(tmp_path / "a.zip", {**second, **extra, **TREE})
    extract_zip(zip_path, tmp_path / "out")
    assert unpacked(tmp_path / "out") == {
        name.removeprefix("kaggle_3m/"): content for name, content in TREE.items()
    }
    assert (tmp_path / "out").stat().st_mode & 0o700 == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]


@pytest.mark.parametrize("prefix", ["", "lgg-mri-segmentation/", "any/where/"])
def test_other_places_of_the_tree(tmp_path: Path, prefix: str) -> None:
    entries = {prefix + name.removeprefix("kaggle_3m/"): c for name, c in TREE.items()}
    extract_zip(pack(tmp_path / "a.zip", entries), tmp_path / "out")
    assert (tmp_path / "out" / "S2" / "S2_1.tif").read_bytes() == b"image 2"


def test_several_trees_are_refused(tmp_path: Path) -> None:
    """None is chosen without a word, whether the published one is among them or not."""
    more = {name.replace("kaggle_3m", "backup"): content for name, content in TREE.items()}
    message = refusal(pack(tmp_path / "a.zip", {**TREE, **more}))
    assert "has several trees (backup, kaggle_3m)" in message
    other = {name.replace("kaggle_3m", "other"): content for name, content in TREE.items()}
    assert "(backup, other)" in refusal(pack(tmp_path / "b.zip", {**more, **other}))


def test_an_odd_tiff_is_unpacked_so_that_the_check_names_it(tmp_path: Path) -> None:
    zip_path = pack(tmp_path / "a.zip", {**TREE, "kaggle_3m/S1/odd.tif": b"x"})
    extract_zip(zip_path, tmp_path / "out")
    assert (tmp_path / "out" / "S1" / "odd.tif").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../outside.tif",
        "kaggle_3m/../../outside.tif",
        "/etc/outside.tif",
        "C:/outside.tif",
        "c:outside.tif",
        "\\\\server\\outside.tif",
        "kaggle_3m\\..\\..\\outside.tif",
        "kaggle_3m/S1/..",
    ],
)
def test_entries_outside_are_refused(tmp_path: Path, name: str) -> None:
    message = refusal(pack(tmp_path / "a.zip", {**TREE, name: b"x"}))
    assert "has the entry" in message
    assert "do not trust" in message


def test_symbolic_links_are_refused(tmp_path: Path) -> None:
    zip_path = pack(tmp_path / "a.zip", TREE)
    link = zipfile.ZipInfo("kaggle_3m/S1/S1_2.tif")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(zip_path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "S1_2.tif" in refusal(zip_path)


def test_not_a_zip(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>sign in first</html>")
    assert "is damaged or not a zip file" in refusal(tmp_path / "a.zip")


def test_cut_short(tmp_path: Path) -> None:
    zip_path = pack(tmp_path / "a.zip", TREE)
    zip_path.write_bytes(zip_path.read_bytes()[:-40])
    assert "is damaged or not a zip file" in refusal(zip_path)


def test_damaged_content(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in TREE.items():
            archive.writestr(name, content)
    path.write_bytes(path.read_bytes().replace(b"image 2", b"image 3"))
    assert "is damaged or not a zip file (Bad CRC-32" in refusal(path)


def test_encrypted(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", TREE)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1  # bit 0 of the entry's flags: encrypted
            at = content.find(signature, at + 1)
    path.write_bytes(content)
    message = refusal(path)
    assert "cannot be unpacked" in message
    assert "encrypted" in message


def test_no_slices(tmp_path: Path) -> None:
    message = refusal(pack(tmp_path / "a.zip", {"cats/cat.tif": b"x", "data.csv": b"x"}))
    assert "has no slices, expected kaggle_3m/<folder>/<folder>_<n>.tif" in message


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_twice(tmp_path: Path) -> None:
    zip_path = pack(tmp_path / "a.zip", TREE)
    with zipfile.ZipFile(zip_path, "a") as archive:
        archive.writestr("kaggle_3m/S1/S1_1.tif", b"another")
    assert "has kaggle_3m/S1/S1_1.tif twice" in refusal(zip_path)


def test_missing_zip(tmp_path: Path) -> None:
    assert "does not exist; set dataset.path" in refusal(tmp_path / "none.zip")
    (tmp_path / "folder").mkdir()
    assert "is not a file" in refusal(tmp_path / "folder")


def test_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    zip_path = pack(tmp_path / "a.zip", TREE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    assert "exists already" in refusal(zip_path)
    (tmp_path / "out" / "mine").unlink()
    extract_zip(zip_path, tmp_path / "out")
    assert (tmp_path / "out" / "S1").is_dir()


def test_a_full_disk_is_reported_before_it_fills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zip_path = pack(tmp_path / "a.zip", TREE)
    usage = shutil.disk_usage(tmp_path)._replace(free=3)
    monkeypatch.setattr("segtrt.data.archive.shutil.disk_usage", lambda _: usage)
    assert "make room" in refusal(zip_path)
