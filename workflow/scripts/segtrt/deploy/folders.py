"""What lies in folders, for finding images: files, series, and how paths end."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from segtrt.data.entries import companions_of, is_real_folder, list_folder
from segtrt.data.formats.kinds import COMPANIONS, HEAD_BYTES, SUFFIXES, Format, format_of, suffix_of
from segtrt.data.layout import natural
from segtrt.data.wildcards import Pattern, State, match_name


def walk_folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those below it, each with the names of its files, numbers by value.

    Hidden files are left out, links to folders not followed.
    """
    entries, _ = list_folder(f"{root}/", "")
    yield root, sorted((one.entry.name for one in entries if not one.entry.is_dir()), key=natural)
    inner = [one.entry.name for one in entries if is_real_folder(one.entry)]
    for name in sorted(inner, key=natural):
        yield from walk_folders(root / name)


def match_end(path: Path, pattern: Pattern) -> tuple[Path, dict[str, str]] | None:
    """Match the end of a path against a pattern.

    Returns:
        The folder that the pattern starts from, and the wildcards' values; None if it does not
        match.
    """
    if ".." in path.parts:
        path = path.resolve()
    names = path.absolute().parts[1:]
    levels = len(pattern.parts)
    if len(names) < levels:
        return None
    states = [State(pattern, 0, "")]
    for name in names[len(names) - levels :]:
        ends, deeper = match_name(name, states)
        if ends:
            top = path
            for _ in range(levels):
                top = top.parent if top.name else top.absolute().parent
            return top, ends[0][1]
        if not deeper:
            return None
        states = [state for state, _ in deeper]
    return None


def files_beside(root: Path, path: str) -> tuple[str, ...]:
    """Files that hold a header's data."""
    folder = (root / path).parent
    stem = path[: len(path) - len(suffix_of(path))]
    names = {f"{stem}{other}" for others in COMPANIONS.values() for other in others}
    there = {name for name in names if os.path.lexists(folder / Path(name).name)}
    return companions_of(path, there)


def is_series(folder: Path, files: Sequence[str]) -> bool:
    """Whether a folder's files are DICOM: none is another image, and the first one is."""
    forms = {SUFFIXES.get(suffix_of(name)) for name in files}
    if not forms or forms - {None, Format.DICOM}:
        return False
    if Format.DICOM in forms:
        return True
    try:
        with (folder / files[0]).open("rb") as handle:
            return format_of(folder / files[0], handle.read(HEAD_BYTES)) is Format.DICOM
    except OSError:
        return False
