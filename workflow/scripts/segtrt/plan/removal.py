"""Removing files and folders, with an account of what went, what that freed and what stayed."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from segtrt.errors import describe_os_error
from segtrt.files import PARTIAL_SUFFIX, RANDOM_LENGTH, is_open_at, partial_prefix, try_lock

_RANDOM = rf"[a-z0-9_]{{{RANDOM_LENGTH}}}"
_PARTIAL = re.compile(rf"\..+\.{_RANDOM}{re.escape(PARTIAL_SUFFIX)}", re.DOTALL)


@dataclass
class Removal:
    """What removing did."""

    removed: list[Path] = field(default_factory=list)
    """Files and links that are gone, and the leftovers' folders as one each."""
    links: list[Path] = field(default_factory=list)
    """Those of `removed` that were links; what they point to is where it was."""
    bytes: int = 0
    """Size of the files that are gone."""
    failures: list[OSError] = field(default_factory=list)
    """What could not be removed, and why."""

    def failure_line(self) -> str:
        """What could not be removed, in one line; empty if all is gone."""
        if not self.failures:
            return ""
        more = len(self.failures) - 1
        rest = f" (and {more} more)" if more else ""
        return f"could not remove {describe_os_error(self.failures[0])}{rest}"


def remove(path: Path, removal: Removal | None = None) -> Removal:
    """Remove a file, or a folder and all that lies in it, as far as possible.

    Links are removed and never followed. Nothing at `path` is no failure.

    Args:
        path: what to remove.
        removal: where to add the account; None begins a new one.
    """
    done = removal or Removal()
    try:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            path.unlink()
            done.removed.append(path)
            if stat.S_ISLNK(status.st_mode):
                done.links.append(path)
            else:
                done.bytes += status.st_size
            return done
        before = len(done.failures)
        for name in os.listdir(path):  # noqa: PTH208 - iterdir is lazy, and the folder changes
            remove(path / name, done)
        if len(done.failures) == before:
            path.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        done.failures.append(error)
    return done


def sweep_leftovers(places: Iterable[Path]) -> Removal:
    """Remove the temporary files and folders that killed processes left.

    `segtrt.files` locks a temporary file for as long as the process that writes it lives, so one
    that can be locked is a leftover. This asks no clock, process number or host name, and holds
    for processes on other machines where the file system's locks do. On a file system without
    locks nothing is removed.

    Args:
        places: outputs, whose leftovers lie beside them, and in them if they are folders; of a
            folder such as `results` those at any depth.
    """
    done = Removal()
    for place in places:
        for path in _partials(place):
            try:
                _remove_if_left(path, done)
            except FileNotFoundError:
                continue
            except OSError as error:
                done.failures.append(error)
    return done


def describe_sweep(removal: Removal) -> list[str]:
    """At most one line that says what `sweep_leftovers` did."""
    if not removal.removed and not removal.failures:
        return []
    files = count(len(removal.removed), "leftover of a killed job", "leftovers of killed jobs")
    line = f"removed {files}, {format_bytes(removal.bytes)} freed"
    return [f"{line}; {removal.failure_line()}" if removal.failures else line]


def _partials(place: Path) -> Iterator[Path]:
    """Paths beside and in `place` whose names are those of temporary files."""
    own = re.compile(
        rf"{re.escape(partial_prefix(place))}{_RANDOM}{re.escape(PARTIAL_SUFFIX)}", re.DOTALL
    )
    if place.parent.is_dir():
        yield from (path for path in place.parent.iterdir() if own.fullmatch(path.name))
    for folder, folders, files in os.walk(place):
        left = [name for name in folders if _PARTIAL.fullmatch(name)]
        folders[:] = [name for name in folders if name not in left]
        yield from (Path(folder, name) for name in [*left, *files] if _PARTIAL.fullmatch(name))


def _remove_if_left(path: Path, done: Removal) -> None:
    status = path.lstat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return
    # A network file system gives no lock of one's own on a file that cannot be written to.
    access = os.O_RDONLY if stat.S_ISDIR(status.st_mode) else os.O_RDWR
    descriptor = os.open(path, access | os.O_NOFOLLOW)
    try:
        if try_lock(descriptor) and is_open_at(descriptor, path):
            own = remove(path)
            done.removed += [path] if not own.failures else []
            done.bytes += own.bytes
            done.failures += own.failures
    finally:
        os.close(descriptor)


def format_bytes(count: int) -> str:
    """A number of bytes for people, e.g. `12.3 MiB`."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def count(number: int, one: str, many: str) -> str:
    """A number with its noun, e.g. `1 engine`."""
    return f"{number} {one if number == 1 else many}"
