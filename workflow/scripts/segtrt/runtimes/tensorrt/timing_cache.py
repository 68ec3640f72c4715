"""TensorRT's timing cache on disk: one file per machine, merged by every build that uses it."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.files import write_bytes

if TYPE_CHECKING:
    from tensorrt import IBuilderConfig

logger = logging.getLogger(__name__)

Combine = Callable[[bytes, bytes], bytes | None]
"""Joins two serialised caches; None if the first cannot be read."""


def cache_path(folder: Path, runtime: str, target: dict[str, Any]) -> Path:
    """The cache file for this runtime, version and device: what TensorRT lets share timings."""
    parts = [runtime, *(str(value) for value in target.values())]
    return folder / f"{re.sub(r'[^A-Za-z0-9.]+', '-', '_'.join(parts))}.timing_cache"


def read_cache(path: Path) -> bytes:
    """The cache's bytes; none if there is no cache yet.

    It needs no lock: `merge_cache` moves whole files into place.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def merge_cache(path: Path, fresh: bytes, combine: Combine) -> None:
    """Add `fresh` to the cache at `path`.

    What another build has added since this one read the cache is kept: under a lock the file is
    read again, joined with `fresh` and moved into place.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{path.name}.lock")):
        stored = read_cache(path)
        joined = combine(stored, fresh) if stored else fresh
        if joined is None:
            logger.warning("timing cache %s cannot be read by this version; starting anew", path)
            joined = fresh
        write_bytes(path, joined)


def tensorrt_combine(config: "IBuilderConfig") -> Combine:
    """How TensorRT joins two caches."""

    def combine(stored: bytes, fresh: bytes) -> bytes | None:
        cache = config.create_timing_cache(stored)
        if cache is None or not cache.combine(config.create_timing_cache(fresh), False):
            return None
        return bytes(cache.serialize())

    return combine
