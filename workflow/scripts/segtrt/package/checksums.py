"""`SHA256SUMS`: which files a package has, and what each must be.

The form is that of `sha256sum`, so `sha256sum --check SHA256SUMS` reads it as well: a line a file,
64 hexadecimal digits, two spaces, the path. Lines are sorted by path.
"""

import os
import re
import stat
from pathlib import Path, PurePosixPath

from segtrt.errors import SegtrtError, name_some
from segtrt.files import sha256_file, write_bytes

SUMS = "SHA256SUMS"

MOST_FILES = 10_000
"""More than any package has; a list that is longer is not read to its end."""

_MARK = ".snakemake_timestamp"
"""An empty file that Snakemake puts into folders that its jobs made; no part of a package."""

_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")
_LONGEST = 1000 * MOST_FILES
"""Bytes of the longest list that is read."""


def write_checksums(folder: Path) -> None:
    """List every file below `folder`, and its SHA-256, in `SHA256SUMS`."""
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    lines = [f"{sha256_file(folder / name)}  {name}\n" for name in names if name != SUMS]
    write_bytes(folder / SUMS, "".join(lines).encode())


def read_checksums(path: Path) -> dict[str, str]:
    """SHA-256 by path of the files that a list names.

    Args:
        path: `SHA256SUMS`.

    Raises:
        SegtrtError: missing, or not in the form that `write_checksums` gives.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise _damaged(path, "is no file")
        with path.open("rb") as handle:
            content = handle.read(_LONGEST + 1)
    except FileNotFoundError:
        raise SegtrtError(
            f"{path} is missing, so the package cannot be checked; take a whole copy"
        ) from None
    if len(content) > _LONGEST:
        raise _damaged(path, f"is longer than {_LONGEST:,} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise _damaged(path, "is not UTF-8 text") from None
    found: dict[str, str] = {}
    last = ""
    if not text.endswith("\n"):
        raise _damaged(path, "does not end with a whole line")
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        match = _LINE.fullmatch(line)
        if match is None or not is_plain_path(match[2]) or match[2] <= last or match[2] == SUMS:
            raise _damaged(path, f"line {number} is not the checksum of the next file by name")
        last = match[2]
        found[last] = match[1]
    return found


def is_plain_path(name: str) -> bool:
    """Whether `name` is a relative path with `/` that leads nowhere but below its folder."""
    path = PurePosixPath(name)
    return (
        name == path.as_posix()
        and name.isprintable()
        and "\\" not in name
        and not path.is_absolute()
        and ":" not in path.parts[0]
        and all(part not in ("", ".", "..") for part in path.parts)
    )


def check_files(folder: Path) -> list[str]:
    """Compare every file below `folder` with `SHA256SUMS`; nothing is read but to be hashed.

    Returns:
        The paths of the files, sorted.

    Raises:
        SegtrtError: the list is damaged; or a file is missing, is another one, is not listed, or is
            a link or no file at all; names it.
    """
    sums = read_checksums(folder / SUMS)
    present = _files_below(folder)
    if extra := sorted(present - sums.keys() - {SUMS}):
        raise SegtrtError(
            f"{folder} has {name_some(extra, 3)}, which {SUMS} does not list; a package has the "
            "files that it was made with and no others: take a whole copy"
        )
    if missing := sorted(sums.keys() - present):
        raise SegtrtError(
            f"{folder} lacks {name_some(missing, 5)}, which {SUMS} lists; take a whole copy"
        )
    changed = [name for name, digest in sums.items() if sha256_file(folder / name) != digest]
    if changed:
        raise SegtrtError(
            f"{folder} has {name_some(changed, 5)} with another content than {SUMS} lists; the one "
            "or the other was changed: take a whole copy"
        )
    return list(sums)


def _files_below(folder: Path) -> set[str]:
    """Paths of all files below `folder`, hidden ones included.

    Raises:
        SegtrtError: something is neither a file nor a folder, or there are too many.
    """
    found: set[str] = set()
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif entry.is_file(follow_symlinks=False):
                    if path == folder / _MARK and not entry.stat().st_size:
                        continue
                    found.add(path.relative_to(folder).as_posix())
                else:
                    raise SegtrtError(
                        f"{path} is a link or no plain file; a package has plain files only: take "
                        "a whole copy"
                    )
        if len(found) + len(pending) > MOST_FILES:
            raise SegtrtError(f"{folder} has more than {MOST_FILES:,} files; it is no package")
    return found


def _damaged(path: Path, fault: str) -> SegtrtError:
    return SegtrtError(
        f"{path} {fault}; it was changed after the package was made: take a whole copy"
    )
