"""Where a data set begins: the folder given, or the one tree of its form within it."""

import os
from collections.abc import Iterator
from pathlib import Path

from segtrt.data.entries import Entry, is_real_folder, list_folder
from segtrt.data.layout import Layout, printable
from segtrt.data.wildcards import Pattern
from segtrt.errors import SegtrtError, name_some

PUBLISHED = ("kaggle_3m", "lgg-mri-segmentation/kaggle_3m")
"""The two copies of one tree that the published Kaggle archive holds."""

_DEPTH = 4
"""How many folders deep a tree is looked for."""


def find_root(folder: Path, layout: Layout) -> Path:
    """The folder that the layout's patterns start from: `folder`, or the one tree within it.

    Of the published Kaggle archive's two copies the first is taken. A folder that holds nothing of
    the layout's form is returned as it is; `list_items` then says what is missing.

    Raises:
        SegtrtError: no such folder, it cannot be listed, or there are several trees to choose from.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise SegtrtError(
            f"data set folder {folder} {what}; set dataset.path to the folder that "
            f"{layout.images!r} starts from"
        )
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise SegtrtError(
            f"data set folder {folder} cannot be listed ({error.strerror}); check its permissions"
        ) from None
    root = f"{folder}/"
    if holds_tree(root, layout):
        return folder
    trees = list(_trees(root, "", layout, _DEPTH))
    if trees and set(trees) <= set(PUBLISHED):
        return folder / min(trees, key=PUBLISHED.index)
    if len(trees) > 1:
        raise SegtrtError(
            f"data set folder {folder} holds {len(trees)} data trees "
            f"({name_some(map(printable, trees), 5)}); set dataset.path to one"
        )
    return folder / trees[0] if trees else folder


def holds_tree(folder: str, layout: Layout) -> bool:
    """Whether a folder (its path ends in a slash) holds files of the layout's form.

    There must be an image and, if the layout has masks, a mask.
    """
    patterns = [pattern for pattern in (layout.image_pattern, layout.mask_pattern) if pattern]
    return all(_holds(folder, pattern, 0, "") for pattern in patterns)


def holds_part(folder: Path, pattern: Pattern) -> bool:
    """Whether a folder is one that the pattern leads to, such as a single subject's."""
    part = pattern.parts[0]
    match = part.regex.fullmatch(folder.resolve().name)
    if match is None or len(pattern.parts) == 1:
        return False
    return _holds(f"{folder}/", pattern, 1, "".join(f"{match[name]}\0" for name in part.bound))


def _trees(root: str, relative: str, layout: Layout, depth: int) -> Iterator[str]:
    """Relative paths of the trees below `relative`; none within another."""
    for _, path, entry in _entries(root, relative):
        if not is_real_folder(entry):
            continue
        if holds_tree(f"{root}{path}/", layout):
            yield path
        elif depth > 1:
            yield from _trees(root, f"{path}/", layout, depth - 1)


def _holds(folder: str, pattern: Pattern, level: int, bound: str) -> bool:
    """Whether a file, or with `Pattern.folder` a folder, matches from this level on."""
    part = pattern.parts[level]
    last = level == len(pattern.parts) - 1
    for name, path, entry in _entries(folder, "", hidden_too=part.start.startswith(".")):
        match = part.regex.fullmatch(bound + name)
        if match is None:
            continue
        is_folder = _is_folder(entry)
        if last:
            if is_folder == pattern.folder:
                return True
        elif is_folder:
            values = "".join(f"{match[wildcard]}\0" for wildcard in part.bound)
            if _holds(f"{folder}{path}/", pattern, level + 1, values):
                return True
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _entries(root: str, folder: str, *, hidden_too: bool = False) -> list[Entry]:
    """A folder's entries by name; none if it cannot be listed."""
    try:
        return list_folder(root, folder, hidden_too=hidden_too)[0]
    except OSError:
        return []
