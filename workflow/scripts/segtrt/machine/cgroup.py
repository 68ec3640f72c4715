"""What the container, or the batch system's job, that this process runs in may use of the machine.

Linux control groups of version 1, 2 and both at once. A group has what every group above it has,
at most. Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst,
scheduler/sched-bwc.rst.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

GROUPS = Path("/proc/self/cgroup")
"""The groups of this process, a line each: number, controllers (none in version 2), path."""
MOUNT = Path("/sys/fs/cgroup")
_NO_LIMIT_BYTES = 1 << 60
"""Version 1 says a number near 2 to the 63rd where memory has no limit."""


def cpu_quota() -> float | None:
    """CPUs' worth of time that this process may take together with its group; None: no limit."""
    quotas = []
    for folder in _folders("cpu"):
        numbers = _words(folder / "cpu.max") or [
            *_words(folder / "cpu.cfs_quota_us"),
            *_words(folder / "cpu.cfs_period_us"),
        ]
        quota, period = map(_number, numbers) if len(numbers) == 2 else (None, None)
        if quota and period:
            quotas.append(quota / period)
    return min(quotas, default=None)


def memory_limit() -> int | None:
    """Bytes of memory that this process may take together with its group; None: no limit."""
    limits = []
    for folder in _folders("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = next(map(_number, _words(folder / name)), None)
            if limit and limit < _NO_LIMIT_BYTES:
                limits.append(limit)
    return min(limits, default=None)


def _folders(controller: str) -> Iterator[Path]:
    """Folders of this process's groups that have the controller, each with all above it.

    Within a container paths may be those outside of it; there only the top is to be seen.
    """
    try:
        lines = GROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        tops = (controllers, controller) if controllers else ("", "unified")
        below = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        for top in dict.fromkeys(tops):
            for depth in range(len(below), -1, -1):
                yield MOUNT.joinpath(top, *below[:depth])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []


def _number(word: str) -> int | None:
    """A positive number; None for `max`, for -1 and for what is no number."""
    return int(word) if word.isdecimal() and int(word) > 0 else None
