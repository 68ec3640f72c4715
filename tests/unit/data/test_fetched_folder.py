"""Folders that are fetched: what a user put there stays, and what was fetched is never lost."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from segtrt.data.fetched_folder import MARKER, check_fetched, fetch_into, write_receipt
from segtrt.errors import SegtrtError

CONTENT = {"S1/S1_1.tif": b"one", "S2/S2_1.tif": b"two", "data.csv": b"table"}


def filling(content: dict[str, bytes], calls: list[int] | None = None) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        if calls is not None:
            calls.append(1)
        for name, value in content.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(value)

    return fill


def failing(folder: Path) -> None:
    filling({"half": b"of it"})(folder)
    raise SegtrtError("no network")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "set"


def refusal(folder: Path, source: str = "a") -> str:
    """The message; nothing may have changed, in the folder nor beside it."""
    before = tree(folder.parent)
    with pytest.raises(SegtrtError) as caught:
        fetch_into(folder, source, filling(CONTENT))
    assert tree(folder.parent) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_folder_is_listed_with_its_hashes(folder: Path, tmp_path: Path) -> None:
    made = fetch_into(folder, "a", filling(CONTENT))
    hashes = {name: hashlib.sha256(value).hexdigest() for name, value in CONTENT.items()}
    assert made.files == hashes
    assert json.loads((folder / MARKER).read_text())["files"] == hashes
    write_receipt(made, folder, tmp_path / "receipt.json")
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    text = json.dumps(hashes, sort_keys=True, separators=(",", ":")).encode()
    assert receipt["listing_sha256"] == hashlib.sha256(text).hexdigest()
    check_fetched(folder, tmp_path / "receipt.json")
    assert [path.name for path in folder.parent.iterdir()] == ["set"]
    (tmp_path / "other").mkdir()
    assert folder.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_is_there_is_not_fetched_again(folder: Path, tmp_path: Path) -> None:
    first = fetch_into(folder, "a", filling(CONTENT))
    write_receipt(first, folder, tmp_path / "receipt.json")
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    calls: list[int] = []
    assert fetch_into(folder, "a", filling({}, calls)) == first
    assert calls == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times


def test_a_lost_file_is_fetched_again(folder: Path) -> None:
    fetch_into(folder, "a", filling(CONTENT))
    (folder / "S2/S2_1.tif").unlink()
    fetch_into(folder, "a", filling(CONTENT))
    assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT


def test_another_source_replaces_it_when_whole(folder: Path) -> None:
    fetch_into(folder, "a", filling(CONTENT))
    before = tree(folder)
    with pytest.raises(SegtrtError, match="no network"):
        fetch_into(folder, "b", failing)
    assert tree(folder) == before
    fetch_into(folder, "b", filling({"new": b"content"}))
    assert set(tree(folder)) == {"new", MARKER}
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


def test_a_failure_leaves_nothing_where_nothing_was(folder: Path) -> None:
    with pytest.raises(SegtrtError, match="no network"):
        fetch_into(folder, "a", failing)
    assert list(folder.parent.iterdir()) == []


def test_a_users_own_folder_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    filling({"mine/mine_1.tif": b"mine"})(folder)
    message = refusal(folder)
    assert "holds files that were not fetched (mine/mine_1.tif), so it is left" in message
    assert f"dataset.path {folder}" in message


@pytest.mark.parametrize("source", ["a", "b"])
@pytest.mark.parametrize("name", ["S1/mine.tif", "mine/mine_1.tif", ".hidden/mine.tif"])
def test_a_users_files_in_a_fetched_folder_are_kept(folder: Path, name: str, source: str) -> None:
    fetch_into(folder, "a", filling(CONTENT))
    filling({name: b"mine"})(folder)
    assert f"were added or changed since it was fetched ({name})" in refusal(folder, source)


def test_a_changed_file_is_kept(folder: Path) -> None:
    fetch_into(folder, "a", filling(CONTENT))
    (folder / "S1/S1_1.tif").write_bytes(b"a better mask")
    assert "changed since it was fetched (S1/S1_1.tif)" in refusal(folder)


def test_a_link_to_a_folder_elsewhere_is_kept_and_counts_as_a_users(
    folder: Path, tmp_path: Path
) -> None:
    fetch_into(folder, "a", filling(CONTENT))
    (tmp_path / "far").mkdir()
    (tmp_path / "far/x.tif").write_bytes(b"x")
    (folder / "far").symlink_to(tmp_path / "far")
    assert "(far)" in refusal(folder, "b")


def test_files_put_there_while_it_is_fetched_are_kept(folder: Path) -> None:
    def slow(partial: Path) -> None:
        filling(CONTENT)(partial)
        folder.mkdir()
        (folder / "mine").write_bytes(b"mine")

    with pytest.raises(SegtrtError, match="not fetched"):
        fetch_into(folder, "a", slow)
    assert tree(folder) == {"mine": b"mine"}


def test_what_systems_leave_behind_is_no_users_file(folder: Path) -> None:
    fetch_into(folder, "a", filling(CONTENT))
    filling({"Thumbs.db": b"x", "S1/.DS_Store": b"x"})(folder)
    fetch_into(folder, "b", filling(CONTENT))
    assert set(tree(folder)) == {*CONTENT, MARKER}


def test_a_file_in_its_place_is_refused(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_bytes(b"x")
    assert "is a file, expected a folder" in refusal(folder)


def test_an_empty_folder_and_a_link_are_filled(folder: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk/set"
    disk.mkdir(parents=True)
    folder.parent.mkdir()
    folder.symlink_to(disk)
    fetch_into(folder, "a", filling(CONTENT))
    assert folder.is_symlink()
    assert set(tree(disk)) == {*CONTENT, MARKER}
    fetch_into(folder, "b", filling({"new": b"x"}))
    assert set(tree(disk)) == {"new", MARKER}


def test_what_a_killed_run_set_aside_is_put_back(folder: Path) -> None:
    fetch_into(folder, "a", filling(CONTENT))
    before = tree(folder)
    aside = folder.with_name(".set.replaced")
    folder.rename(aside)
    folder.mkdir()
    calls: list[int] = []
    fetch_into(folder, "a", filling({}, calls))
    assert calls == []
    assert tree(folder) == before
    assert not aside.exists()


def test_the_check_names_what_is_not_as_it_was_fetched(folder: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    write_receipt(fetch_into(folder, "a", filling(CONTENT)), folder, receipt)
    (folder / "data.csv").unlink()
    with pytest.raises(SegtrtError, match=r"missing: data\.csv\); delete .* and run again"):
        check_fetched(folder, receipt)
    (folder / "data.csv").write_bytes(b"other")
    with pytest.raises(SegtrtError, match=r"changed since it was fetched \(data\.csv\)"):
        check_fetched(folder, receipt)
    for path in (folder / "data.csv", folder / MARKER):
        path.unlink()
    with pytest.raises(SegtrtError, match="were not fetched"):
        check_fetched(folder, receipt)
