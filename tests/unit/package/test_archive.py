"""A package's zip: the same bytes from the same files, and only sound members are unpacked."""

import errno
import os
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segtrt.errors import SegtrtError
from segtrt.package.archive import is_zip, unpack_zip, write_zip

FILES = {"README.md": b"card\n" * 50, "engine/engine.bin": bytes(range(256)), "empty": b""}


def write_files(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES[name])
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_zip(write_files(tmp_path / "files", list(FILES)), tmp_path / "a.zip")
    return tmp_path / "a.zip"


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_is_written_is_unpacked(archive: Path, tmp_path: Path) -> None:
    assert is_zip(archive)
    (tmp_path / "out").mkdir()
    unpack_zip(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == sorted(FILES)


def test_neither_order_nor_times_nor_modes_make_a_difference(archive: Path, tmp_path: Path) -> None:
    other = write_files(tmp_path / "other", list(reversed(FILES)))
    (other / "README.md").chmod(0o700)
    os.utime(other / "empty", (time.time() - 1e8,) * 2)
    write_zip(other, tmp_path / "b.zip")
    assert archive.read_bytes() == (tmp_path / "b.zip").read_bytes()


def refusal(archive: Path, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    before = contents(folder.parent)
    with pytest.raises(SegtrtError) as caught:
        unpack_zip(archive, folder)
    assert {n for n in contents(folder.parent) if not n.startswith(folder.name)} == before.keys()
    return str(caught.value)


def member(name: str, mode: int = stat.S_IFREG | 0o644, **more: object) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    for key, value in more.items():
        setattr(entry, key, value)
    return entry


HOSTILE: dict[str, Callable[[zipfile.ZipFile], object]] = {
    "../outside": lambda z: z.writestr(member("../outside"), b"x"),
    "/absolute": lambda z: z.writestr(member("/absolute"), b"x"),
    "a/../../b": lambda z: z.writestr(member("a/../../b"), b"x"),
    "a\\b": lambda z: z.writestr(member("a\\b"), b"x"),
    "link": lambda z: z.writestr(member("link", stat.S_IFLNK | 0o777), b"/etc/passwd"),
    "device": lambda z: z.writestr(member("device", stat.S_IFCHR | 0o644), b""),
    "folder/": lambda z: z.writestr(member("folder/", stat.S_IFDIR | 0o755), b""),
    "packed": lambda z: z.writestr(
        member("packed", compress_type=zipfile.ZIP_DEFLATED), b"\0" * 10**6
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_members_are_named(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr(member("good"), b"good")
        HOSTILE[name](opened)
    assert repr(name) in refusal(tmp_path / "bad.zip", tmp_path / "out")
    assert contents(tmp_path / "out") == {}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        for content in (b"one", b"two"):
            opened.writestr(member("engine"), content)
    assert "'engine', which is there twice" in refusal(tmp_path / "bad.zip", tmp_path / "out")


def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr(member("a"), b"one")
        opened.writestr(member("a/b"), b"two")
    assert "a file and as a folder" in refusal(tmp_path / "bad.zip", tmp_path / "out")


def test_a_member_that_claims_to_be_huge_is_refused(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    place = content.index(b"PK\x01\x02")  # the first entry of the central directory
    struct.pack_into("<II", content, place + 20, 2**32 - 2, 2**32 - 2)
    archive.write_bytes(content)
    assert "claims 4,294,967,294 bytes" in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, b"no zip"])
def test_what_is_no_zip_unpacks_to_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.zip").write_bytes(content)
    if content.startswith(b"PK\x05\x06"):
        (tmp_path / "out").mkdir()
        unpack_zip(tmp_path / "bad.zip", tmp_path / "out")
    else:
        assert "is not a whole zip" in refusal(tmp_path / "bad.zip", tmp_path / "out")
    assert contents(tmp_path / "out") == {}


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_zip_is_refused_or_gives_other_files_inside_the_folder(
    archive: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Whatever a byte does, it ends in one line or in files below the folder, no larger than it."""
    good = archive.read_bytes()
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    bad = tmp_path / "changed.zip"
    bad.write_bytes(content[: data.draw(st.sampled_from([len(good), len(good) - 1, 100]))])
    out = tmp_path / f"out{time.monotonic_ns()}"
    out.mkdir()
    try:
        unpack_zip(bad, out)
    except SegtrtError as error:
        assert str(bad) in str(error)
    assert sum(map(len, contents(out).values())) <= len(good)


def test_a_full_disk_is_reported_with_the_folder(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "out").mkdir()
    with monkeypatch.context() as patched, pytest.raises(SegtrtError) as caught:
        patched.setattr("shutil.copyfileobj", write)
        unpack_zip(archive, tmp_path / "out")
    assert f"below {tmp_path / 'out'}: No space left on device" in str(caught.value)
