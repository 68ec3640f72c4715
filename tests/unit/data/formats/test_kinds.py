"""Formats by content before name."""

from pathlib import Path

import pytest
from segtrt.data.formats.kinds import Format, format_of, suffix_of


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.TIF", ".tif"), ("a.b.nii.gz", ".nii.gz"), ("a.gz", ""), ("nii.gz", ""), ("a", ""),
        ("a.tar.gz", ""), (".png", ".png"), ("a.png.txt", ""), ("x/y.mha", ".mha"),
    ],
)  # fmt: skip
def test_suffix(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix


@pytest.mark.parametrize(
    ("name", "head", "form"),
    [
        ("a.tif", b"\x89PNG\r\n\x1a\n", Format.PNG),
        ("a", b"\xff\xd8\xff\xe0", Format.JPEG),
        ("a.png", b"MM\0+", Format.TIFF),
        ("a.nii.gz", b"\x1f\x8b\x08", Format.NIFTI),
        ("a", bytes(344) + b"n+1\0", Format.NIFTI),
        ("a", bytes(128) + b"DICM", Format.DICOM),
        ("a.mha", b"ObjectType = Image\n", Format.META),
        ("a", b"NRRD0004\n", Format.NRRD),
    ],
)
def test_format(name: str, head: bytes, form: Format) -> None:
    assert format_of(Path(name), head) is form


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("a.png", b"", "empty (0 bytes)"),
        ("a.png", bytes(100), "damaged: it begins with nothing but zeros"),
        ("a.png", b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        ("a.png", b"../../.git/annex/objects/x", "a git-annex pointer"),
        ("a.png", b"PK\x03\x04", "a zip file"),
        ("a.png", b"text", "not PNG, as .png says"),
        ("a.xyz", b"text", "of a format that is not known here"),
        ("a.tif", b"\x1f\x8b\x08", "not TIFF, as .tif says"),
    ],
)
def test_what_it_is_instead(name: str, head: bytes, message: str) -> None:
    found = format_of(Path(name), head)
    assert isinstance(found, str)
    assert found.startswith(message)
