"""TensorRT-RTX's runtime caches: the kernels that it compiled for an engine, beside the engine.

A cache is read once in a process and shared by all sessions of its engine: TensorRT-RTX 1.6.1 loses
some 13 KiB of device memory each time it reads or writes one.
"""

import logging
from functools import cache
from pathlib import Path
from typing import Any

from segtrt.files import write_bytes

logger = logging.getLogger(__name__)

_MOST = 16


class RuntimeCache:
    """The kernels of one engine, in memory and in a file."""

    def __init__(self, config: Any, path: Path) -> None:
        """Read the file, if it is there and can be read.

        Args:
            config: the `IRuntimeConfig` that makes the cache.
            path: the file.
        """
        self.kernels: Any = config.create_runtime_cache()
        """The `IRuntimeCache`, for `IRuntimeConfig.set_runtime_cache`."""
        self._path = path
        self._stored = _read(path)
        self.warm = bool(self._stored) and bool(self.kernels.deserialize(self._stored))
        """Whether it has the kernels of an earlier start."""
        if not self.warm:
            self._stored = b""
        self._batches: set[int] = set()
        self._grown = False

    def is_current(self) -> bool:
        """Whether the file has what was last read from it or written to it."""
        return _read(self._path) == self._stored

    def ran(self, batch: int) -> None:
        """Take note that a batch of this size runs: kernels may be compiled for a new size."""
        if batch not in self._batches:
            self._batches.add(batch)
            self._grown = True

    def save(self) -> None:
        """Write the file if there are more kernels than it has."""
        if not self._grown:
            return
        self._grown = False
        self.warm = True
        content = bytes(self.kernels.serialize())
        if len(content) == len(self._stored):
            return
        try:
            write_bytes(self._path, content)
        except OSError as error:
            logger.warning("the next start will be slow: no runtime cache (%s)", error)
        else:
            self._stored = content


class RuntimeCaches:
    """The caches of one process, the last 16 that were used."""

    def __init__(self) -> None:
        """Start with none."""
        self._caches: dict[Path, RuntimeCache] = {}

    def take(self, config: Any, path: Path) -> RuntimeCache:
        """The cache of the file `path`; read anew if the file was changed by someone else."""
        found = self._caches.pop(path, None)
        if found is None or not found.is_current():
            found = RuntimeCache(config, path)
        self._caches[path] = found
        while len(self._caches) > _MOST:
            del self._caches[next(iter(self._caches))]
        return found

    def close(self) -> None:
        """Forget them all."""
        self._caches.clear()


@cache
def runtime_caches() -> RuntimeCaches:
    """The process's one `RuntimeCaches`."""
    return RuntimeCaches()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
