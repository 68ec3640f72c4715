"""Cleaning up: what goes, and how much space that frees."""

import shutil
from pathlib import Path

from segtrt.plan import KEYS, read_key_record
from segtrt.store import Store


def clean_engines(base: Path, store: Store | None) -> list[str]:
    """Delete every engine with its record and caches, so that each is really built again.

    The store forgets them too. Data, weights, graphs and tensors stay.

    Args:
        base: the working directory.
        store: the store in use, or None.

    Returns:
        Lines that say what was removed.
    """
    lines = []
    for path in sorted((base / KEYS / "build_engine").rglob("*.json")):
        record = read_key_record(path)
        key = record.get("content_key") if record else None
        if store and isinstance(key, str) and not store.forget(key):
            lines.append(f"the store {store.root} cannot be changed; it still holds {path.stem}")
    engines = base / "results/engines"
    count = len(list(engines.rglob("engine.bin")))
    freed = _remove(engines) + _remove(base / KEYS / "build_engine")
    return [f"removed {count} engines with their records, {told(freed)} freed", *lines]


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


def clean_cache(store: Store | None) -> list[str]:
    """Empty the store.

    Args:
        store: the store in use, or None.

    Returns:
        Lines that say what was removed.
    """
    if store is None:
        return ["there is no store (SEGTRT_CACHE is off)"]
    use = store.clear()
    left = store.use()
    lines = [
        f"removed {use.entries} entries from {store.root}, {told(use.bytes - left.bytes)} freed"
    ]
    if left.entries:
        lines.append(f"{left.entries} entries could not be removed; check the folder's permissions")
    return lines


def told(count: int) -> str:
    """A number of bytes for people, e.g. `12.3 MiB`."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _remove(folder: Path) -> int:
    freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    return freed
