"""Content hashes of many source files, remembered by size, times and inode between runs."""

import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from segtrt.files import sha256_file, write_bytes

SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was read is read again next time: a second change
within one tick of the file system's clock would leave its times as they are."""


class HashCache:
    """SHA-256 of files; a file is read again only if its size, a time or its inode changed.

    The answers are those of the files' content: the remembered ones save reading, and decide
    nothing. A cache that cannot be read or written costs speed alone; nothing is written before
    `save`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[object]] = {}
        self._changed = False
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(known, dict):
            self._known = {
                name: entry
                for name, entry in known.items()
                if isinstance(entry, list) and len(entry) == 5 and isinstance(entry[-1], str)
            }

    def digests(self, files: Iterable[Path]) -> dict[Path, str]:
        """SHA-256 of each file, 64 hexadecimal digits."""
        stats = {file: file.stat() for file in files}
        settled = time.time_ns() - SETTLED_NS
        answers: dict[Path, str] = {}
        unknown = []
        for file, stat in stats.items():
            known = self._known.get(str(file.absolute()), [""])
            if known[:-1] == _stamp(stat):
                answers[file] = str(known[-1])
            else:
                unknown.append(file)
        if unknown:
            with ThreadPoolExecutor() as pool:
                for file, digest in zip(unknown, pool.map(sha256_file, unknown), strict=True):
                    answers[file] = digest
                    if stats[file].st_ctime_ns < settled:
                        self._known[str(file.absolute())] = [*_stamp(stats[file]), digest]
            self._changed = True
        return {file: answers[file] for file in stats}

    def save(self) -> None:
        """Remember for later runs what was hashed in this one."""
        if not self._changed:
            return
        try:
            write_bytes(self._path, json.dumps(self._known).encode())
        except OSError:
            return


def _stamp(stat: os.stat_result) -> list[object]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
