"""What lies in a folder, looked at without opening it."""

import os
import stat
import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from segtrt.data.formats.kinds import COMPANIONS, suffix_of
from segtrt.data.layout import printable

LEFT_BEHIND = frozenset(
    (
        "__macosx",
        "@eadir",
        "@recycle",
        "@tmp",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "lost+found",
        "system volume information",
        "thumbs.db",
        "desktop.ini",
    )
)
"""What systems leave behind in folders, in lower case; never part of a data set."""

_OWN_FOLDERS = {".snakemake": ("",), "results": ("keys", "logs/list_slices.log")}
"""Folders of the workflow's own, by what lies in them. They are no part of a data set that is its
working folder: they fill while the workflow runs."""

_READABLE_BY_ALL = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH

_EFFECTIVE = os.access in os.supports_effective_ids


class Entry(NamedTuple):
    """A file or folder."""

    name: str
    """In Unicode's composed form, as patterns see it."""
    path: str
    """Relative, as the file system has it."""
    entry: os.DirEntry[str]


def list_folder(root: str, folder: str, *, hidden_too: bool = False) -> tuple[list[Entry], int]:
    """A folder's entries by name.

    Args:
        root: the data set's folder; ends in a slash.
        folder: relative; empty or ends in a slash.
        hidden_too: keep names that begin with a dot.

    Returns:
        The entries, and how many more are hidden or left behind by systems. The workflow's own
        folders are neither.

    Raises:
        OSError: it cannot be listed.
    """
    with os.scandir(root + folder) as scanned:
        entries = sorted(
            (entry for entry in scanned if not _is_own(entry)), key=lambda entry: entry.name
        )
    kept = []
    for entry in entries:
        name = entry.name
        if (name.startswith(".") and not hidden_too) or name.lower() in LEFT_BEHIND:
            continue
        composed = name if name.isascii() else unicodedata.normalize("NFC", name)
        kept.append(Entry(composed, folder + name, entry))
    return kept, len(entries) - len(kept)


def _is_own(entry: os.DirEntry[str]) -> bool:
    marks = _OWN_FOLDERS.get(entry.name, ())
    return any(Path(entry.path, mark).exists() for mark in marks)


def look(root: str, entry: Entry) -> tuple[str, str | None]:
    """What is there, without opening it: `folder`, `file`, `gone` or `other`; and what is wrong."""
    try:
        status = entry.entry.stat()
    except OSError as error:
        name = printable(entry.path)
        what = "a link that leads nowhere" if entry.entry.is_symlink() else "not to be looked at"
        return "gone", f"{name} is {what} ({error.strerror}); fetch the file it stands for"
    if stat.S_ISDIR(status.st_mode):
        return "folder", None
    if not stat.S_ISREG(status.st_mode):
        name = printable(entry.path)
        return "other", f"{name} is a pipe, socket or device, expected a file; remove it"
    everyone = status.st_mode & _READABLE_BY_ALL == _READABLE_BY_ALL
    if not everyone and not os.access(root + entry.path, os.R_OK, effective_ids=_EFFECTIVE):
        name = printable(entry.path)
        return "file", f"{name} cannot be read (permission denied); change its permissions"
    if status.st_size == 0:
        name = printable(entry.path)
        return "file", f"{name} is empty (0 bytes); put the file back from its source"
    return "file", None


def fault_of_name(path: str, twin: str) -> str | None:
    """What is wrong with a name that patterns match; `twin` is the first that looks like it."""
    if path == twin:
        if path.isascii():
            return None
        try:
            path.encode()
        except UnicodeEncodeError:
            return f"the name {printable(path)} is not UTF-8; rename it"
        return None
    forms = ["NFC" if unicodedata.is_normalized("NFC", each) else "NFD" for each in (twin, path)]
    return (
        f"{printable(path)} is there twice, by names that are equal but for their Unicode form "
        f"({' and '.join(forms)}); rename or remove one"
    )


def companions_of(path: str, names: Collection[str]) -> tuple[str, ...]:
    """Files beside a header that hold its data."""
    suffix = suffix_of(path)
    stem = path[: len(path) - len(suffix)]
    beside = (stem + other for other in COMPANIONS.get(suffix, ()))
    return tuple(other for other in beside if other in names)


def is_real_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder and no link to one, so that walking cannot go in circles."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
