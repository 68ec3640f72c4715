"""Content hashes of many source files, remembered by size, time and inode between runs."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from segtrt.files import sha256_file, write_bytes


class HashCache:
    """SHA-256 of files; a file is read again only if its size, mtime or inode changed.

    The answers are those of the files' content: the remembered ones save reading, and decide
    nothing. A cache that cannot be read or written costs speed alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._known: dict[str, list[object]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def digests(self, files: Iterable[Path]) -> dict[Path, str]:
        """SHA-256 of each file, 64 hexadecimal digits."""
        stamps: dict[Path, list[object]] = {}
        for file in files:
            stat = file.stat()
            stamps[file] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        unknown = [
            file
            for file, stamp in stamps.items()
            if self._known.get(str(file.absolute()), [None])[:-1] != stamp
        ]
        if unknown:
            with ThreadPoolExecutor() as pool:
                for file, digest in zip(unknown, pool.map(sha256_file, unknown), strict=True):
                    self._known[str(file.absolute())] = [*stamps[file], digest]
            self._save()
        return {file: str(self._known[str(file.absolute())][-1]) for file in stamps}

    def _save(self) -> None:
        try:
            write_bytes(self._path, json.dumps(self._known).encode())
        except OSError:
            return
