"""Cleaning up: what goes, and how much space that frees."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from segtrt.files import write_json
from segtrt.plan.records import AFRESH, KEYS, read_key_record
from segtrt.plan.store import TIMING_CACHES, Store


def clean_engines(base: Path, store: Store | None, records: Iterable[str]) -> list[str]:
    """Delete every engine with its record and caches, so that each is really built again.

    The store forgets them too, and in place of their key records stand notes that the store must
    not be asked for them. Data, weights, graphs and tensors stay.

    Args:
        base: the working directory.
        store: the store in use, or None.
        records: paths of the key records of the engines that the configuration asks for.

    Returns:
        Lines that say what was removed.
    """
    lines = []
    for path in sorted((base / KEYS / "build_engine").rglob("*.json")):
        record = read_key_record(path)
        key = record.get("content_key") if record else None
        if store and isinstance(key, str) and not store.forget(key):
            name = path.relative_to(base / KEYS / "build_engine").with_suffix("")
            lines.append(f"the store {store.root} cannot be changed; it still holds {name}")
    engines = base / "results/engines"
    count = len(list(engines.rglob("engine.bin")))
    freed = _remove(engines) + _remove(base / KEYS / "build_engine")
    for made_afresh in records:
        write_json(base / made_afresh, AFRESH)
    removed = _count(count, "engine", "engines")
    return [f"removed {removed} and what belongs to them, {told(freed)} freed", *lines]


def clean_results(base: Path) -> list[str]:
    """Delete everything under results/; downloads under data/ stay.

    Args:
        base: the working directory.

    Returns:
        Lines that say what was removed.
    """
    results = base / "results"
    names = sorted(path.name for path in results.iterdir()) if results.is_dir() else []
    freed = _remove(results)
    what = f" ({', '.join(names)})" if names else ""
    return [f"removed {results.name}/{what}, {told(freed)} freed"]


def clean_cache(root: Path | None, store: Store | None) -> list[str]:
    """Empty the store and delete TensorRT's timing caches.

    Args:
        root: folder of the caches, or None.
        store: the store in it, or None.

    Returns:
        Lines that say what was removed.
    """
    if root is None or store is None:
        return ["there is no cache (SEGTRT_CACHE is off)"]
    use = store.clear()
    left = store.use()
    freed = use.bytes - left.bytes + _remove(root / TIMING_CACHES)
    gone = use.entries - left.entries
    lines = [f"removed {_count(gone, 'entry', 'entries')} from {root}, {told(freed)} freed"]
    if left.entries:
        kept = _count(left.entries, "entry", "entries")
        lines.append(f"{kept} could not be removed; check the folder's permissions")
    return lines


def told(count: int) -> str:
    """A number of bytes for people, e.g. `12.3 MiB`."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _remove(folder: Path) -> int:
    """Delete a folder; returns how many bytes that freed."""
    before = _bytes(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return before - _bytes(folder)


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
