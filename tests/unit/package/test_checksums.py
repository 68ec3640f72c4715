"""`SHA256SUMS`: every change of a package's files is found before anything of them is read."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segtrt.errors import SegtrtError
from segtrt.package.checksums import (
    SUMS,
    check_files,
    is_plain_path,
    read_checksums,
    write_checksums,
)

FILES = {
    "README.md": b"card",
    "engine/engine.bin": bytes(range(256)),
    "golden/0/a b.npy": b"x",
    "empty": b"",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "package"
    for name, content in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    write_checksums(place)
    return place


def refusal(folder: Path) -> str:
    with pytest.raises(SegtrtError) as caught:
        check_files(folder)
    return str(caught.value)


def test_the_form_is_that_of_sha256sum(folder: Path) -> None:
    assert read_checksums(folder / SUMS) == {
        name: hashlib.sha256(content).hexdigest() for name, content in sorted(FILES.items())
    }
    assert check_files(folder) == sorted(FILES)
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, check=True)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes() or b"\0")
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


CHANGES: dict[str, Callable[[Path], object]] = {
    "flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1] or b"no longer empty"),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "gone": Path.unlink,
    "a folder": lambda path: (path.unlink(), path.mkdir(), (path / "x").write_text("")),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", [*FILES, SUMS])
def test_a_changed_file_is_named(folder: Path, name: str, change: str) -> None:
    CHANGES[change](folder / name)
    assert name in refusal(folder)


def test_swapped_files_are_named(folder: Path) -> None:
    one, other = folder / "README.md", folder / "engine/engine.bin"
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    reported = refusal(folder)
    assert "README.md, engine/engine.bin with another content" in reported


@pytest.mark.parametrize("name", ["extra", "engine/.hidden", "golden/0/extra.npy"])
def test_a_file_too_many_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("x")
    assert name in refusal(folder)


@pytest.mark.parametrize("name", FILES)
def test_links_are_refused_though_they_lead_to_the_right_bytes(folder: Path, name: str) -> None:
    real = folder.parent / "real"
    shutil.move(folder / name, real)
    (folder / name).symlink_to(real)
    assert f"{name} is a link" in refusal(folder)
    shutil.move(folder / "engine", folder.parent / "engine")
    (folder / "engine").symlink_to(folder.parent / "engine")
    assert "is a link" in refusal(folder)


def test_snakemakes_empty_mark_is_no_file_of_a_package(folder: Path) -> None:
    (folder / ".snakemake_timestamp").touch()
    assert check_files(folder) == sorted(FILES)
    (folder / ".snakemake_timestamp").write_text("content")
    assert ".snakemake_timestamp" in refusal(folder)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_of_the_list_is_found(folder: Path, data: st.DataObject) -> None:
    good = (folder / SUMS).read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != good[place]))
    (folder / SUMS).write_bytes(good[:place] + bytes([byte]) + good[place + 1 :])
    try:
        assert SUMS in refusal(folder)
    finally:
        (folder / SUMS).write_bytes(good)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 10_000))
def test_a_list_that_was_cut_is_found(folder: Path, cut: int) -> None:
    good = (folder / SUMS).read_bytes()
    (folder / SUMS).write_bytes(good[: cut % len(good)])
    try:
        assert SUMS in refusal(folder)
    finally:
        (folder / SUMS).write_bytes(good)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "", "a\\b", "C:/x", "a\x1bb"]
)
def test_paths_that_lead_elsewhere_are_none(folder: Path, name: str) -> None:
    assert not is_plain_path(name)
    (folder / SUMS).write_text(f"{'0' * 64}  {name}\n")
    assert SUMS in refusal(folder)
