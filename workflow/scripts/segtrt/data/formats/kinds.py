"""Which file formats there are, by the suffix of a name and by how a file's content begins."""

from enum import Enum
from pathlib import Path


class Format(Enum):
    """A file format that can be read."""

    PNG = "PNG"
    JPEG = "JPEG"
    TIFF = "TIFF"
    NPY = "NPY"
    NIFTI = "NIfTI"
    META = "MetaImage"
    NRRD = "NRRD"
    DICOM = "DICOM"


SUFFIXES = {
    ".png": Format.PNG,
    ".jpg": Format.JPEG,
    ".jpeg": Format.JPEG,
    ".tif": Format.TIFF,
    ".tiff": Format.TIFF,
    ".npy": Format.NPY,
    ".nii": Format.NIFTI,
    ".nii.gz": Format.NIFTI,
    ".mha": Format.META,
    ".mhd": Format.META,
    ".nrrd": Format.NRRD,
    ".nhdr": Format.NRRD,
    ".dcm": Format.DICOM,
}
"""Lower case."""

COMPANIONS = {".mhd": (".raw", ".zraw"), ".nhdr": (".raw", ".raw.gz")}
"""Headers whose data lie in a file beside them, of the same name but for its suffix."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"\xff\xd8\xff", Format.JPEG),
    (b"II*\0", Format.TIFF),
    (b"MM\0*", Format.TIFF),
    (b"II+\0", Format.TIFF),
    (b"MM\0+", Format.TIFF),
    (b"\x93NUMPY", Format.NPY),
    (b"NRRD000", Format.NRRD),
)

_POINTERS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the image; run git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer, not the image; run git annex get"),
    (b"<!DOCTYPE", "a web page, not an image; download the file itself"),
    (b"<!doctype", "a web page, not an image; download the file itself"),
    (b"<html", "a web page, not an image; download the file itself"),
    (b"PK\x03\x04", "a zip file, not an image; unpack it"),
)

HEAD_BYTES = 352
"""How much of a file `format_of` wants to see: the longest header it knows, NIfTI's."""


def suffix_of(name: str) -> str:
    """The known suffix that a file's name ends in, in lower case, or an empty string."""
    lower = name.lower()
    dot = lower.rfind(".")
    if dot < 0:
        return ""
    longer = lower.rfind(".", 0, dot)
    if longer >= 0 and lower[longer:] in SUFFIXES:
        return lower[longer:]
    return lower[dot:] if lower[dot:] in SUFFIXES else ""


def format_of(path: Path, head: bytes) -> Format | str:
    """A file's format, by its content before its name.

    Args:
        path: the file; of formats that cannot be recognised by content, its suffix decides.
        head: its first `HEAD_BYTES` bytes, or all it has.

    Returns:
        The format, or what the file is instead, to follow "is" in a message.
    """
    by_name = SUFFIXES.get(suffix_of(path.name))
    known = next((form for magic, form in _MAGIC if head.startswith(magic)), None)
    if known is None and head[128:132] == b"DICM":
        known = Format.DICOM
    if known is None and (head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"):
        known = Format.NIFTI
    if known is None and by_name is Format.NIFTI and head.startswith(b"\x1f\x8b"):
        known = Format.NIFTI
    if known is None and by_name is Format.META and b"=" in head:
        known = Format.META
    return known or _strange(path, head, by_name)


def _strange(path: Path, head: bytes, by_name: Format | None) -> str:
    """What a file is whose content says nothing that is known."""
    for start, what in _POINTERS:
        if start in head[:200]:
            return what
    if not head:
        return "empty (0 bytes); put the file back"
    if not any(head):
        return "damaged: it begins with nothing but zeros; put the file back from its source"
    if by_name is None:
        known = ", ".join(SUFFIXES)
        return f"of a format that is not known here, expected {known}; convert it"
    return (
        f"not {by_name.value}, as {suffix_of(path.name)} says, nor another known format; "
        "put the file back from its source"
    )
