"""Who is at work in a folder: runs and jobs share a lock, cleaning wants it alone.

Snakemake's own locks name the outputs of a run's jobs, and a clean target has none, so it would
delete under a run that is going on. This lock is the system's (`flock`): it is gone when its holder
ends, also by `kill -9`. Jobs hold it as well as the run that started them, for they go on when that
is killed.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segtrt.errors import SegtrtError
from segtrt.files import try_lock

LOCK = ".snakemake/segtrt.lock"
_ATTEMPTS, _PAUSE_S = 10, 0.1
"""Another run that has just started holds the lock alone for an instant."""
_joined: dict[Path, bool] = {}
"""What `join` said, by folder: a run joins once for each module that is this workflow."""


def join(base: Path) -> bool:
    """Hold the lock, with others, until this process ends: for the process that runs the jobs.

    Args:
        base: the working directory.

    Returns:
        Whether no other run or job was at work when the lock was taken.

    Raises:
        SegtrtError: a clean target is at work in this folder.
    """
    folder = base.resolve()
    if folder in _joined:
        return _joined[folder]
    descriptor = _open(base)  # never closed: the lock is to last as long as the process
    first = try_lock(descriptor)
    for _ in range(_ATTEMPTS):
        if try_lock(descriptor, fcntl.LOCK_SH) is not False:
            _joined[folder] = bool(first)
            return _joined[folder]
        time.sleep(_PAUSE_S)
    holders = _holders(base)
    os.close(descriptor)
    raise SegtrtError(f"{base.absolute()} is being cleaned{holders}; start again when that is done")


@contextmanager
def job_lock(base: Path) -> Iterator[None]:
    """Hold the lock, with others, while the block runs: for a job. Waits for cleaning to end."""
    descriptor = _open(base)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(base: Path) -> Iterator[list[str]]:
    """Hold the lock alone while the block runs: for cleaning.

    Yields:
        Lines to print: where the file system has no locks, that the user must see to it.

    Raises:
        SegtrtError: a run or a job is at work in this folder.
    """
    descriptor = _open(base)
    try:
        held = try_lock(descriptor)
        if held is False:
            raise SegtrtError(
                f"nothing was removed, for a run is going on in {base.absolute()}{_holders(base)}; "
                "wait until it has ended, or stop it, and clean in a run of its own"
            )
        note = f"{base.absolute()}: no locks on its file system; be sure that no run is going on"
        yield [] if held else [note]
    finally:
        os.close(descriptor)


def _open(base: Path) -> int:
    path = base / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # made by another user of a shared folder
        return os.open(path, os.O_RDONLY)


def _holders(base: Path) -> str:
    """The processes on this machine that hold the lock, e.g. ` (process 12)`, if that is known."""
    inode = (base / LOCK).stat().st_ino
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return ""
    # 1: FLOCK  ADVISORY  READ 1234 08:02:5678 0 EOF
    held = [line.split() for line in lines if " FLOCK " in line and " -> " not in line]
    found = sorted({int(words[4]) for words in held if words[5].endswith(f":{inode}")} - {0})
    return f" (process {', '.join(map(str, found))})" if found else ""
