"""What is removed, what is not, and what is said of it; leftovers of processes that were killed."""

import errno
import os
from pathlib import Path

import pytest
from real_failures import kill, start_python, undeletable, wait_for
from segtrt import files
from segtrt.files import replacing, replacing_folder
from segtrt.plan.removal import Removal, describe_sweep, remove, sweep_leftovers

WRITE = """
import sys, time
from pathlib import Path
from segtrt.files import replacing, replacing_folder
folder = Path(sys.argv[1])
with replacing(folder / "a/file.bin") as partial, replacing_folder(folder / "a/masks") as masks:
    partial.write_bytes(bytes(5000))
    (masks / "S1").mkdir()
    (masks / "S1/1.png").write_bytes(bytes(700))
    print("writing", flush=True)
    time.sleep(60)
"""


def partials(folder: Path) -> list[Path]:
    """Files and folders with temporary names, at any depth."""
    return sorted(path for path in folder.rglob("*.part"))


def test_leftovers_of_a_killed_process_go_and_files_of_a_living_one_stay(tmp_path: Path) -> None:
    dead, living = start_python(WRITE, tmp_path), start_python(WRITE, tmp_path)
    try:
        wait_for(dead, "writing")
        wait_for(living, "writing")
        assert len(partials(tmp_path)) == 4
        nothing = sweep_leftovers([tmp_path])
        assert nothing == Removal() and describe_sweep(nothing) == []
        kill(dead)
        swept = sweep_leftovers([tmp_path])
        assert describe_sweep(swept) == ["removed 2 leftovers of killed jobs, 5.6 KiB freed"]
        assert len(partials(tmp_path)) == 2
    finally:
        kill(dead)
        kill(living)
    assert sweep_leftovers([tmp_path]).bytes == 5700
    assert partials(tmp_path) == [] and list((tmp_path / "a").iterdir()) == []


def left(path: Path, *, folder: bool = False) -> Path:
    """A leftover of `path`."""
    with pytest.raises(ZeroDivisionError), (replacing_folder if folder else replacing)(path) as one:
        kept = one.rename(one.with_name("kept"))
        raise ZeroDivisionError
    return kept.rename(one)


def test_a_job_sweeps_what_is_its_own(tmp_path: Path) -> None:
    own = [left(tmp_path / "shard_1.bin"), left(tmp_path / "masks", folder=True)]
    inside = tmp_path / "masks/S1"
    inside.mkdir(parents=True)
    own.append(left(inside / "1.png"))
    long = left(tmp_path / ("y" * 255))
    others = [left(tmp_path / "shard_10.bin"), left(tmp_path / "x.shard_1.bin")]
    outputs = [tmp_path / name for name in ("shard_1.bin", "masks", "y" * 255, "none/at/all")]
    assert set(sweep_leftovers(outputs).removed) == {*own, long}
    assert all(path.exists() for path in others)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    kept = [
        "weights.pt.part",
        ".weights.pt.part",
        ".x.part",
        ".a.ABCDEFGH.part",
        ".a.12345678.parts",
    ]
    for name in kept:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / ".link.abcdefgh.part").symlink_to("target")
    assert sweep_leftovers([tmp_path, tmp_path / "weights.pt"]) == Removal()
    assert len(list(tmp_path.iterdir())) == len(kept) + 2


def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = left(tmp_path / "file")

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    assert sweep_leftovers([tmp_path]) == Removal() and path.exists()


def test_a_leftover_that_cannot_be_removed_is_reported(tmp_path: Path) -> None:
    path = left(tmp_path / "masks", folder=True)
    (path / "a").write_bytes(b"x")
    with undeletable(path):
        (line,) = describe_sweep(sweep_leftovers([tmp_path]))
    assert line.startswith("removed 0 leftovers of killed jobs, 0 bytes freed; could not remove ")
    assert f"{path}/a: Operation not permitted; check the permissions" in line
    assert describe_sweep(sweep_leftovers([tmp_path])) == [
        "removed 1 leftover of a killed job, 1 bytes freed"
    ]


def test_all_that_can_be_removed_goes_and_the_rest_is_named(tmp_path: Path) -> None:
    for name in ("a/x", "a/y", "b/c/z"):
        (tmp_path / "top" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "top" / name).write_bytes(bytes(100))
    stuck = tmp_path / "top/a/x"
    with undeletable(stuck):
        done = remove(tmp_path / "top")
    assert done.bytes == 200 and len(done.failures) == 1
    assert done.failure_line() == (
        f"could not remove {stuck}: Operation not permitted; check the permissions and attributes "
        "of the file and of its folder"
    )
    assert [path for path in (tmp_path / "top").rglob("*") if path.is_file()] == [stuck]
    assert remove(tmp_path / "top").failure_line() == "" and not (tmp_path / "top").exists()
    assert remove(tmp_path / "top") == Removal()


def test_links_are_removed_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/precious").write_bytes(bytes(100))
    top = tmp_path / "top"
    top.mkdir()
    (top / "folder").symlink_to("../elsewhere")
    (top / "file").symlink_to("../elsewhere/precious")
    (top / "dangling").symlink_to("nowhere")
    done = remove(top)
    assert sorted(done.links) == [top / "dangling", top / "file", top / "folder"]
    assert done.bytes == 0 and not os.path.lexists(top)
    assert (tmp_path / "elsewhere/precious").stat().st_size == 100
