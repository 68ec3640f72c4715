"""A content-addressed store behind the expensive rules: key in, files copied out.

It lies outside the checkout, so that a second checkout, or a colleague with the same key, is served
without building. An entry appears whole (a folder moved into place) and its files are checked by
hash when they are taken out; two processes may use the store at once. A store that is full, read
only or damaged costs speed alone.
"""

import json
import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segtrt.files import follow_umask, replacing, sha256_file

logger = logging.getLogger(__name__)

ENTRY = "entry.json"
STORE = "store-2"
"""The store's folder in the cache. The number goes up when a key comes to mean something else, so
that entries of earlier versions are never used again."""
EARLIER_STORES = ("store",)
"""Folders of earlier versions, which may still be in use by them."""
DEFAULT_GIB = 10.0
TIMING_CACHES = "tensorrt"
"""Folder of TensorRT's timing caches, beside the store."""
ABANDONED_S = 24 * 3600
"""A half-written entry whose time is this far from now was left by a process that was killed."""


@dataclass(frozen=True)
class StoreUse:
    """How much a store holds."""

    entries: int
    bytes: int


class Store:
    """Files kept by key; the least recently used entries go when it grows past its size."""

    def __init__(self, root: Path, max_gib: float = DEFAULT_GIB) -> None:
        self.root = root
        self._max_bytes = int(max_gib * 2**30)

    def fetch(self, key: str, outputs: Mapping[str, Path]) -> dict[str, str] | None:
        """Copy the entry `key` to `outputs` (name -> path).

        An entry that is damaged is forgotten, so that the next result takes its place.

        Returns:
            SHA-256 of each output by name, or None if the store has no sound entry for the key.
        """
        folder = self._folder(key)
        try:
            known = _read_entry(folder)
            if known is None or set(known) != set(outputs):
                return None
            for name, path in outputs.items():
                with replacing(path) as partial:
                    shutil.copyfile(folder / name, partial)
                    if sha256_file(partial) != known[name]:
                        raise ValueError(f"{name} is damaged")
        except (FileNotFoundError, ValueError) as error:
            logger.warning("store entry %s is damaged and not used: %s", key[:12], error)
            self.forget(key)
            return None
        except OSError as error:
            logger.warning("store entry %s cannot be used: %s", key[:12], error)
            return None
        try:
            os.utime(folder / ENTRY)
        except OSError:
            logger.info("store %s is read-only", self.root)
        return known

    def put(self, key: str, outputs: Mapping[str, Path], digests: Mapping[str, str]) -> None:
        """Keep copies of `outputs` under `key`; a failure is logged and costs nothing else."""
        folder = self._folder(key)
        partial = None
        try:
            if _is_sound(folder):
                return
            size = sum(path.stat().st_size for path in outputs.values())
            if size > self._max_bytes:
                logger.warning("store %s is too small for %d bytes", self.root, size)
                return
            self.forget(key)
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=self.root, prefix=".put-"))
            follow_umask(partial)
            for name, path in outputs.items():
                shutil.copyfile(path, partial / name)
            (partial / ENTRY).write_text(json.dumps(dict(digests)), encoding="utf-8")
            partial.rename(folder)
            self._evict(keep=folder)
        except OSError as error:
            if not _is_sound(folder):  # else another process was faster
                logger.warning("store %s does not take the result: %s", self.root, error)
        finally:
            if partial is not None:
                shutil.rmtree(partial, ignore_errors=True)

    def forget(self, key: str) -> bool:
        """Remove an entry; returns whether it is gone."""
        return self._remove(self._folder(key))

    def use(self) -> StoreUse:
        """Number and size of the entries."""
        sizes = [self._bytes(entry.parent) for entry in self.root.glob(f"??/*/{ENTRY}")]
        return StoreUse(len(sizes), sum(sizes))

    def clear(self) -> StoreUse:
        """Remove every entry; returns what there was."""
        use = self.use()
        for folder in [*self.root.glob("??/*"), *self.root.glob(".put-*")]:
            self._remove(folder)
        return use

    def _folder(self, key: str) -> Path:
        return self.root / key[:2] / key

    def _remove(self, folder: Path) -> bool:
        """Remove an entry, its list first, so that nobody takes half of it for the whole."""
        try:
            (folder / ENTRY).unlink(missing_ok=True)
        except OSError:
            return not folder.exists()
        shutil.rmtree(folder, ignore_errors=True)
        return not (folder / ENTRY).exists()

    def _bytes(self, folder: Path) -> int:
        try:
            return sum(path.stat().st_size for path in folder.iterdir())
        except OSError:
            return 0

    def _evict(self, keep: Path) -> None:
        """Remove the least recently used entries until the store fits its size."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.root / ".evict.lock", timeout=0):
                self._sweep()
                entries = []
                for path in self.root.glob(f"??/*/{ENTRY}"):
                    try:
                        entries.append((path.stat().st_mtime, path.parent))
                    except FileNotFoundError:
                        continue
                total = sum(self._bytes(folder) for _, folder in entries)
                for _, folder in sorted(entries):
                    if total <= self._max_bytes:
                        break
                    size = self._bytes(folder)
                    if folder != keep and self._remove(folder):
                        total -= size
        except Timeout:
            return  # another process is at it

    def _sweep(self) -> None:
        """Remove what killed processes left."""
        for folder in self.root.glob("??/*"):
            if not (folder / ENTRY).exists():
                shutil.rmtree(folder, ignore_errors=True)
        for folder in self.root.glob(".put-*"):
            try:
                abandoned = abs(time.time() - folder.stat().st_mtime) > ABANDONED_S
            except FileNotFoundError:
                continue
            if abandoned:
                shutil.rmtree(folder, ignore_errors=True)


def _is_sound(folder: Path) -> bool:
    """Whether there is an entry whose list can be read."""
    try:
        return _read_entry(folder) is not None
    except (OSError, ValueError):
        return False


def _read_entry(folder: Path) -> dict[str, str] | None:
    """SHA-256 of an entry's files by name, or None if there is no entry.

    Raises:
        ValueError: it cannot be understood.
    """
    try:
        known = json.loads((folder / ENTRY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if not isinstance(known, dict) or not all(isinstance(digest, str) for digest in known.values()):
        raise ValueError(f"{ENTRY} is damaged")
    return known


def cache_root() -> Path | None:
    """Folder for what outlives a checkout: the store, and caches of this machine.

    The environment variable `SEGTRT_CACHE` names it (`off` for none); by default it is `segtrt` in
    the user's cache folder.
    """
    named = os.environ.get("SEGTRT_CACHE", "")
    if named.lower() == "off":
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named).expanduser() if named else cache / "segtrt"


def default_store() -> Store | None:
    """The store under `cache_root`, or None; `SEGTRT_CACHE_GIB` is its size limit in GiB."""
    root = cache_root()
    if root is None:
        return None
    limit = os.environ.get("SEGTRT_CACHE_GIB", "")
    try:
        gib = float(limit) if limit else DEFAULT_GIB
    except ValueError:
        gib = math.nan
    if not (math.isfinite(gib) and gib > 0):
        logger.warning(
            "SEGTRT_CACHE_GIB is %r, expected a number above 0; using %g", limit, DEFAULT_GIB
        )
        gib = DEFAULT_GIB
    return Store(root / STORE, gib)
