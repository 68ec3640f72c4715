"""Content hashes of many source files, remembered by size, times and inode between runs.

The file has one line for each folder, which is read only when a file of that folder is asked for:
the folder's path, the names of its files, for each file what tells a change (`_STAMP`), and a
checksum of the line. Paths and names are JSON, numbers are packed and in base64. For 200,000 images
and as many masks that is 45 MB, read in a third of the time that JSON throughout would take.
"""

import binascii
import json
import os
import struct
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from segtrt.files import sha256_file, write_bytes

FORMAT = b"segtrt-hashes-2"

SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was read is read again next time: a second change
within one tick of the file system's clock would leave its times as they are."""

_STAMP = struct.Struct("<QqqQ32s")
"""Size in bytes, times of the last change of content and of the inode in ns, inode, SHA-256."""

Stamp = tuple[int, int, int, int]
Known = dict[str, tuple[int, int, int, int, bytes]]


class HashCache:
    """SHA-256 of files; a file is read again only if its size, a time or its inode changed.

    The answers are those of the files' content: the remembered ones save reading, and decide
    nothing. A cache that cannot be read or written costs speed alone; nothing is written before
    `save`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._changed: dict[str, Known] = {}

    def digests(self, root: Path, names: Iterable[str]) -> dict[str, str]:
        """SHA-256 of each file, 64 hexadecimal digits, by its name.

        Args:
            root: a folder.
            names: the files, relative to it, parts separated by `/`.

        Raises:
            OSError: a file cannot be read.
        """
        settled = time.time_ns() - SETTLED_NS
        answers: dict[str, str] = {}
        unknown: list[tuple[str, str, str, Stamp]] = []
        for folder, files in _by_folder(root.absolute(), names).items():
            known = self._known(folder)
            for file, name in files.items():
                stamp = _stamp(f"{folder}/{file}")
                entry = known.get(file)
                if entry is not None and entry[:-1] == stamp:
                    answers[name] = entry[-1].hex()
                else:
                    unknown.append((folder, file, name, stamp))
        if unknown:
            with ThreadPoolExecutor() as pool:
                hashed = pool.map(lambda one: sha256_file(Path(one[0], one[1])), unknown)
                for (folder, file, name, stamp), digest in zip(unknown, hashed, strict=True):
                    answers[name] = digest
                    if stamp[2] < settled:
                        self._to_change(folder)[file] = (*stamp, bytes.fromhex(digest))
        return answers

    def digest(self, file: Path) -> str:
        """SHA-256 of one file.

        Raises:
            OSError: it cannot be read.
        """
        return self.digests(file.parent, [file.name])[file.name]

    def save(self) -> None:
        """Remember for later runs what was hashed in this one."""
        if not self._changed:
            return
        lines = self._lines | {
            _key(folder): _line(folder, known) for folder, known in self._changed.items()
        }
        try:
            write_bytes(self._path, b"\n".join([FORMAT, *lines.values()]))
        except OSError:
            return

    @cached_property
    def _lines(self) -> dict[bytes, bytes]:
        """The file's lines by the folder that each begins with."""
        try:
            header, *lines = self._path.read_bytes().split(b"\n")
        except OSError:
            return {}
        return {line.partition(b"\t")[0]: line for line in lines} if header == FORMAT else {}

    def _known(self, folder: str) -> Known:
        if folder in self._changed:
            return self._changed[folder]
        line = self._lines.get(_key(folder))
        return {} if line is None else _parsed(line)

    def _to_change(self, folder: str) -> Known:
        """What is known of a folder, to be added to and saved."""
        if folder not in self._changed:
            self._changed[folder] = self._known(folder)
        return self._changed[folder]


def _by_folder(root: Path, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Folder -> a file's name in it -> the name as it was given."""
    top, found = os.fspath(root), defaultdict[str, dict[str, str]](dict)
    for name in names:
        folder, _, file = name.rpartition("/")
        found[f"{top}/{folder}" if folder else top][file] = name
    return found


def _stamp(path: str) -> Stamp:
    stat = os.stat(path)  # noqa: PTH116 - a Path for each takes longer than the look itself
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _key(folder: str) -> bytes:
    return json.dumps(folder).encode()


def _line(folder: str, known: Known) -> bytes:
    stamps = b"".join(_STAMP.pack(*entry) for entry in known.values())
    content = b"\t".join(
        (_key(folder), json.dumps(list(known)).encode(), binascii.b2a_base64(stamps, newline=False))
    )
    return b"%b\t%08x" % (content, zlib.crc32(content))


def _parsed(line: bytes) -> Known:
    """What a line says; nothing, if it is damaged."""
    content, _, checksum = line.rpartition(b"\t")
    if b"%08x" % zlib.crc32(content) != checksum:
        return {}
    _, names, stamps = content.split(b"\t")
    entries = _STAMP.iter_unpack(binascii.a2b_base64(stamps))
    return dict(zip(json.loads(names), entries, strict=True))
