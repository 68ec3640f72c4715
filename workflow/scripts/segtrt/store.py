"""A content-addressed store behind the expensive rules: key in, files copied out.

It lies outside the checkout, so that a second checkout, or a colleague with the same key, is served
without building. An entry appears whole (a folder moved into place) and its files are checked by
hash when they are taken out; two processes may use the store at once. A store that is full, read
only or damaged costs speed alone.
"""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segtrt.files import replacing, sha256_file

logger = logging.getLogger(__name__)

ENTRY = "entry.json"
DEFAULT_GIB = 10.0


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

        Returns:
            SHA-256 of each output by name, or None if the store has no sound entry for the key.
        """
        folder = self._folder(key)
        try:
            known: dict[str, str] = json.loads((folder / ENTRY).read_text(encoding="utf-8"))
            if set(known) != set(outputs):
                return None
            for name, path in outputs.items():
                with replacing(path) as partial:
                    shutil.copyfile(folder / name, partial)
                    if sha256_file(partial) != known[name]:
                        raise ValueError(f"{name} is damaged")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            logger.warning("store entry %s is not used: %s", key[:12], error)
            self.forget(key)
            return None
        try:
            os.utime(folder / ENTRY)
        except OSError:
            logger.info("store %s is read-only", self.root)
        return known

    def put(self, key: str, outputs: Mapping[str, Path], digests: Mapping[str, str]) -> None:
        """Keep copies of `outputs` under `key`; a failure is logged and costs nothing else."""
        folder = self._folder(key)
        if (folder / ENTRY).exists():
            return
        partial = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=self.root, prefix=".put-"))
            partial.chmod(0o755)
            for name, path in outputs.items():
                shutil.copyfile(path, partial / name)
            (partial / ENTRY).write_text(json.dumps(dict(digests)), encoding="utf-8")
            partial.rename(folder)
            self._evict(keep=folder)
        except OSError as error:
            logger.warning("store %s does not take the result: %s", self.root, error)
        finally:
            if partial is not None:
                shutil.rmtree(partial, ignore_errors=True)

    def forget(self, key: str) -> bool:
        """Remove an entry; returns whether it is gone."""
        shutil.rmtree(self._folder(key), ignore_errors=True)
        return not self._folder(key).exists()

    def use(self) -> StoreUse:
        """Number and size of the entries."""
        sizes = [self._bytes(entry.parent) for entry in self.root.glob(f"??/*/{ENTRY}")]
        return StoreUse(len(sizes), sum(sizes))

    def clear(self) -> StoreUse:
        """Remove every entry; returns what there was."""
        use = self.use()
        for entry in self.root.glob(f"??/*/{ENTRY}"):
            shutil.rmtree(entry.parent, ignore_errors=True)
        return use

    def _folder(self, key: str) -> Path:
        return self.root / key[:2] / key

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
                    if folder != keep:
                        total -= self._bytes(folder)
                        shutil.rmtree(folder, ignore_errors=True)
        except Timeout:
            return  # another process is at it


def cache_root() -> Path | None:
    """Folder for what outlives a checkout: the store, and caches of this machine.

    The environment variable `SEGTRT_CACHE` names it (`off` for none); by default it is `segtrt` in
    the user's cache folder.
    """
    named = os.environ.get("SEGTRT_CACHE", "")
    if named.lower() == "off":
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else cache / "segtrt"


def default_store() -> Store | None:
    """The store under `cache_root`, or None; `SEGTRT_CACHE_GIB` is its size limit in GiB."""
    root = cache_root()
    if root is None:
        return None
    limit = os.environ.get("SEGTRT_CACHE_GIB", "")
    try:
        gib = float(limit) if limit else DEFAULT_GIB
    except ValueError:
        logger.warning("SEGTRT_CACHE_GIB is %r, expected a number; using %g", limit, DEFAULT_GIB)
        gib = DEFAULT_GIB
    return Store(root / "store", gib)
