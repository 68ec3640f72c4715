"""Hashes of files, and files that are either whole or absent."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from segtrt.errors import NO_ROOM, SegtrtError

PARTIAL_SUFFIX = ".part"
RANDOM_LENGTH = 8
"""Random characters in the names that `tempfile` makes."""
_CANNOT_SYNC = (errno.EINVAL, errno.EBADF, errno.EACCES, errno.ENOTSUP)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON (keys sorted, no spaces), 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def follow_umask(path: Path) -> None:
    """Open a temporary file or folder, its owner's alone, to whom the umask allows new ones.

    A folder keeps the bit by which what is made in it belongs to the group of a shared folder.
    """
    umask = os.umask(0)
    os.umask(umask)
    mode = path.stat().st_mode
    everyone = 0o777 if stat.S_ISDIR(mode) else 0o666
    path.chmod(everyone & ~umask | mode & stat.S_ISGID)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place if the block succeeds.

    The content is on the disk before it bears its name, and the name before this returns. A block
    that fails leaves `path` as it was and removes the temporary file. An OSError about the
    temporary file, or about a disk that has no room for it, names `path`.
    """
    with _assembling(path, folder=False) as partial:
        yield partial
        follow_umask(partial)
        sync(partial)
        partial.replace(path)
        sync(path.parent)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; it takes the place of `folder` if the block succeeds.

    As `replacing`, for a folder and all that the block puts into it. A folder that is there
    already is exchanged for the new one and removed.
    """
    with _assembling(folder, folder=True) as partial:
        yield partial
        follow_umask(partial)
        for parent, _, names in os.walk(partial, topdown=False):
            for name in names:
                sync(Path(parent, name))
            sync(Path(parent))
        if folder.is_dir() and any(folder.iterdir()):
            with _assembling(folder, folder=True) as old:
                folder.replace(old)
                partial.replace(folder)
        else:
            partial.replace(folder)
        sync(folder.parent)


@contextmanager
def assembling_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, in which what is to be moved there is made.

    It is removed in the end, and distinguished from a killed process's leftover as those of
    `replacing` are. An OSError names `path` as there.
    """
    with _assembling(path, folder=True) as partial:
        yield partial


@contextmanager
def _assembling(path: Path, *, folder: bool) -> Iterator[Path]:
    """Yield a temporary file or folder for `path`, locked while the block runs, then removed."""
    partial = path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial, lock = _make_partial(path, folder)
        try:
            yield partial
        finally:
            with suppress(OSError):
                shutil.rmtree(partial) if folder else partial.unlink()
            os.close(lock)
    except OSError as error:
        if error.filename is None and error.errno in NO_ROOM:
            error.filename = str(path)
        elif str(error.filename).startswith(str(partial)):
            error.filename = str(path) + str(error.filename)[len(str(partial)) :]
            error.filename2 = None
        raise


def _make_partial(path: Path, folder: bool) -> tuple[Path, int]:
    """Make a temporary file or folder for `path`; returns it with a descriptor that locks it."""
    if len(os.fsencode(path.name)) > _longest_name(path.parent):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(path))
    while True:
        try:
            if folder:
                name = tempfile.mkdtemp(PARTIAL_SUFFIX, partial_prefix(path), path.parent)
                lock = os.open(name, os.O_RDONLY)
            else:
                lock, name = tempfile.mkstemp(PARTIAL_SUFFIX, partial_prefix(path), path.parent)
        except OSError as error:
            error.filename = str(path)
            raise
        partial = Path(name)
        # Between making and locking it, another process may take it for a leftover.
        if try_lock(lock) is not False and is_open_at(lock, partial):
            return partial, lock
        os.close(lock)


def partial_prefix(path: Path) -> str:
    """How the names of temporary files for `path` begin: `.NAME.`, NAME cut short if it must be.

    Eight random characters and `PARTIAL_SUFFIX` follow.
    """
    room = _longest_name(path.parent) - len("..") - RANDOM_LENGTH - len(PARTIAL_SUFFIX)
    return f".{os.fsencode(path.name)[:room].decode(errors='ignore')}."


def _longest_name(folder: Path) -> int:
    """The most bytes that the file system allows in a name."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError):
        return 255


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool | None:
    """Lock an open file against other processes (`flock`), without waiting.

    The system takes the lock away when the last process that has the descriptor ends, however it
    ends.

    Args:
        descriptor: of a file or folder.
        kind: `fcntl.LOCK_EX` for oneself alone, `fcntl.LOCK_SH` to share it.

    Returns:
        Whether it is locked now; None on a file system that has no locks.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_open_at(descriptor: int, path: Path) -> bool:
    """Whether `path` is still the open file `descriptor`, neither removed nor replaced."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk.

    Folders that cannot be synced, on some network file systems, are passed over.
    """
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if not (is_folder and error.errno in _CANNOT_SYNC):
            if error.filename is None:
                error.filename = str(path)
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON with a final newline, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it has {name} for a number")


def read_json(path: Path, what: str, remedy: str = "delete it and run the workflow again") -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        what: what it is, for the message, e.g. "engine record".
        remedy: what to do about one that is damaged; a user's own file is never to be deleted.

    Raises:
        SegtrtError: the file is missing, is not JSON, or has a number that is NaN or infinite.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise SegtrtError(f"{what} {path} does not exist; run the workflow to make it") from None
    except (ValueError, RecursionError) as error:
        raise SegtrtError(f"{what} {path} is not valid JSON ({error}); {remedy}") from None
