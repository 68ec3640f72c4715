"""Listing by names alone: all there is, in order, quickly, and without opening."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hostile_images import CHANNELS, FLAT, channels, flat, placed, subject, two
from segtrt.data.entries import LEFT_BEHIND, list_folder
from segtrt.data.layout import KAGGLE, Layout
from segtrt.data.listing import list_items
from segtrt.data.walk import Walk
from segtrt.errors import SegtrtError


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user whom permissions bind."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def assert_listed_by_names(root: Path) -> None:
    """Against the names of the files, taken apart by hand."""
    listing = list_items(root, KAGGLE)
    assert listing.problems == ()
    names = sorted(path.name for path in root.iterdir() if path.is_dir())
    numbers = {
        name: sorted(
            int(path.stem.rpartition("_")[2])
            for path in (root / name).glob("*.tif")
            if not path.stem.endswith("_mask")
        )
        for name in names
    }
    expected = [
        (name, number, f"{name}/{name}_{number}.tif", f"{name}/{name}_{number}_mask.tif")
        for name in names
        for number in numbers[name]
    ]
    assert [(i.subject, int(i.name), i.images[0], i.mask) for i in listing.items] == expected
    assert listing.counts == {name: len(numbers[name]) for name in names}


def test_real_patients_are_listed(kaggle_folder: Path) -> None:
    assert_listed_by_names(kaggle_folder)
    assert list_items(kaggle_folder, KAGGLE).ignored.examples == ("README.md", "data.csv")


def test_the_demo_is_listed(project_root: Path) -> None:
    assert_listed_by_names(project_root / "data/demo/kaggle_3m")


def test_items_and_their_files(tmp_path: Path) -> None:
    two(tmp_path)
    listing = list_items(tmp_path, KAGGLE)
    assert [(i.subject, i.name) for i in listing.items] == [
        (name, n) for name in ("pat_a", "pat_b") for n in ("6", "7", "8", "10")
    ]
    item = listing.items[3]
    assert item.images == ("pat_a/pat_a_10.tif",)
    assert item.mask == item.output == "pat_a/pat_a_10_mask.tif"
    assert item.files == (*item.images, item.mask)
    assert (item.title, listing.channels) == ("pat_a, 10", ())


def test_items_without_subjects_are_their_own(tmp_path: Path) -> None:
    flat(tmp_path, 11)
    items = list_items(tmp_path, FLAT).items
    assert [i.subject for i in items] == [str(n) for n in range(1, 12)]
    assert [i.name for i in items] == [i.subject for i in items]
    without = list_items(tmp_path, Layout(FLAT.images))
    assert {i.mask for i in without.items} == {None}
    assert without.items[0].output == "images/1.png"
    assert without.ignored.files == 11


def test_channels_in_the_order_asked_for_or_sorted(tmp_path: Path) -> None:
    channels(tmp_path)
    listing = list_items(tmp_path, CHANNELS)
    assert listing.channels == ("0000", "0001")
    assert listing.items[1].images == ("imagesTr/p2_0000.png", "imagesTr/p2_0001.png")
    backwards = Layout(CHANNELS.images, CHANNELS.masks, ("0001", "0000"))
    assert list_items(tmp_path, backwards).items[0].images == (
        "imagesTr/p1_0001.png",
        "imagesTr/p1_0000.png",
    )
    assert listing.counts == {"p1": 1, "p2": 1}


def test_chosen_subjects(tmp_path: Path) -> None:
    two(tmp_path)
    (tmp_path / "pat_b/pat_b_6_mask.tif").unlink()
    listing = list_items(tmp_path, KAGGLE, ["pat_a"])
    assert (listing.counts, listing.problems) == ({"pat_a": 4}, ())
    assert {i.subject for i in listing.items} == {"pat_a"}
    assert Walk(f"{tmp_path}/", KAGGLE, {"pat_a"}).subjects == {"pat_a", "pat_b"}
    with pytest.raises(SegtrtError, match=r"does not have: pat_c \(close: pat_[ab], pat_[ab]\)"):
        list_items(tmp_path, KAGGLE, ["pat_a", "pat_c"])


def test_bad_subjects_count_too(tmp_path: Path) -> None:
    two(tmp_path)
    (tmp_path / "pat_b/pat_b_6_mask.tif").unlink()
    (tmp_path / "pat_c").mkdir()
    listing = list_items(tmp_path, KAGGLE)
    assert listing.counts == {"pat_a": 4, "pat_b": 4, "pat_c": 0}
    assert listing.faulty == {"pat_b", "pat_c"}
    assert len(listing.items) == 7


def test_series_and_headers_with_their_files(tmp_path: Path) -> None:
    for name in ("2", "10", ".DS_Store"):
        placed(tmp_path / f"p/ct/{name}")
    placed(tmp_path / "p/notes.txt")
    listing = list_items(tmp_path, Layout("{subject}/{item}/"))
    (item,) = listing.items
    assert (item.images, item.output) == (("p/ct",), "p/ct")
    assert item.files == ("p/ct/10", "p/ct/2")
    assert (listing.ignored.files, listing.ignored.left_behind) == (1, 1)
    placed(tmp_path / "vol/a.mhd")
    placed(tmp_path / "vol/a.zraw")
    listing = list_items(tmp_path / "vol", Layout("{item}.mhd"))
    assert listing.items[0].files == ("a.mhd", "a.zraw")
    assert listing.ignored.files == 0


def test_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two(tmp_path)
    os.mkfifo(tmp_path / "pat_a/pat_a_99.tif")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("io.open", refuse)
    monkeypatch.setattr("os.open", refuse)
    assert len(list_items(tmp_path, KAGGLE).items) == 8


def test_unreadable_files_and_folders_are_reported() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        two(root, "pat_a", "pat_b", "pat_c")
        (root / "pat_b/pat_b_7.tif").chmod(0)
        (root / "pat_c").chmod(0)
        (root / "lost+found").mkdir(0)
        with as_nobody():
            listing = list_items(root, KAGGLE)
        assert [p.reason.split(";")[0] for p in listing.problems] == [
            "pat_b/pat_b_7.tif cannot be read (permission denied)",
            "pat_c/ cannot be listed (Permission denied)",
        ]
        assert len(listing.items) == 7
        (root / "pat_b/pat_b_7.tif").chmod(0o644)
        (root / "pat_c").chmod(0o755)
        with as_nobody():
            assert len(list_items(root, KAGGLE).items) == 12
        root.chmod(0)
        with as_nobody(), pytest.raises(SegtrtError, match="cannot be listed"):
            list_items(root, KAGGLE)
        root.chmod(0o755)


def test_a_link_to_a_folder_above_ends(tmp_path: Path) -> None:
    subject(tmp_path, "pat_a")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/loop").symlink_to(tmp_path)
    listing = list_items(tmp_path, KAGGLE)
    assert listing.faulty == {"more"}
    assert listing.ignored.examples == ("more/loop",)


def test_left_behind_names_are_skipped_in_any_case(tmp_path: Path) -> None:
    for name in ("Thumbs.db", "@EADIR", ".hidden", "kept"):
        (tmp_path / name).touch()
    entries, skipped = list_folder(f"{tmp_path}/", "")
    assert [entry.path for entry in entries] == ["kept"]
    assert skipped == 3
    assert all(name == name.lower() for name in LEFT_BEHIND)


def test_what_lies_beside_the_data_sets_folders_in_the_working_folder_is_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("scans/a/1.png", "scans/notes.txt", "results/a/b.png", "config.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    layout = Layout("scans/{subject}/{item}.png")
    elsewhere = list_items(tmp_path, layout).ignored
    assert (elsewhere.files, len(elsewhere.examples)) == (3, 3)
    monkeypatch.chdir(tmp_path)
    for root in (Path(), tmp_path):
        listing = list_items(root, layout)
        assert listing.ignored.examples == ("scans/notes.txt",)
        assert [item.name for item in listing.items] == ["1"]
    # A pattern that begins with a wildcard leads into every folder.
    assert list_items(Path(), Layout("{subject}/{item}.png")).ignored.files > 1


def test_the_workflows_own_folders_are_no_part_of_its_working_folder(tmp_path: Path) -> None:
    """They fill while it runs; images in a folder of that name are images all the same."""
    (tmp_path / ".snakemake").mkdir()
    for name in ("results", "pat_a/results"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "pat_a_1.tif").touch()
    entries, skipped = list_folder(f"{tmp_path}/", "")
    assert ([entry.path for entry in entries], skipped) == (["pat_a", "results"], 0)
    (tmp_path / "results/logs").mkdir()
    (tmp_path / "results/logs/list_slices.log").touch()
    (tmp_path / "pat_a/results/keys").mkdir()
    entries, skipped = list_folder(f"{tmp_path}/", "")
    assert ([entry.path for entry in entries], skipped) == (["pat_a"], 0)
    assert list_folder(f"{tmp_path}/", "pat_a/") == ([], 0)


def test_many_files_take_seconds(tmp_path: Path) -> None:
    """A tenth of 200,000 files, which take under five seconds of one core."""
    for n in range(100):
        folder = tmp_path / f"p{n}"
        folder.mkdir()
        for m in range(100):
            for tail in ("", "_mask"):
                with (folder / f"p{n}_{m}{tail}.tif").open("wb") as handle:
                    handle.write(b"x")
    begin = time.process_time()
    assert len(list_items(tmp_path, KAGGLE).items) == 10_000
    assert time.process_time() - begin < 1.5


def test_listing_imports_no_numpy(project_root: Path) -> None:
    code = (
        "import sys, segtrt.data.listing, segtrt.data.roots\n"
        "print(*[n for n in ('numpy', 'PIL', 'tifffile', 'SimpleITK') if n in sys.modules])"
    )
    scripts = project_root / "workflow/scripts"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
