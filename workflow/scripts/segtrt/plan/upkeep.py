"""Cleaning up: what goes, and how much space that frees."""

from collections.abc import Iterable
from pathlib import Path

from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.plan.records import FORCED, KEYS, read_key_record
from segtrt.plan.removal import Removal, count, format_bytes, remove
from segtrt.plan.store import EARLIER_STORES, TIMING_CACHES, Store


def clean_engines(base: Path, store: Store | None, records: Iterable[str]) -> list[str]:
    """Delete every engine with its record and caches, so that each is really built again.

    The store forgets them too, and in place of their key records stand notes that the store must
    not be asked for them. Data, weights, graphs and tensors stay. All of that comes before the
    engines go, so that a process that is killed here leaves no engine to be taken from the store.

    Args:
        base: the working directory.
        store: the store in use, or None.
        records: paths of the key records of the engines that the configuration asks for.

    Returns:
        Lines that say what was removed.

    Raises:
        SegtrtError: something could not be removed; the rest is gone.
    """
    lines = []
    known = base / KEYS / "build_engine"
    asked = set(records)
    done = Removal()
    for path in sorted(known.rglob("*.json")):
        record = read_key_record(path)
        key = record.get("content_key") if record else None
        if store and isinstance(key, str) and not store.forget(key):
            name = path.relative_to(known).with_suffix("")
            lines.append(f"the store {store.root} cannot be changed; it still holds {name}")
        if path.relative_to(base).as_posix() not in asked:
            remove(path, done)
        else:
            done.bytes += path.stat().st_size
    for wanted in sorted(asked):
        write_json(base / wanted, FORCED)
    engines = base / "results/engines"
    before = len(list(engines.rglob("engine.bin")))
    remove(engines, done)
    removed = count(before - len(list(engines.rglob("engine.bin"))), "engine", "engines")
    said = f"removed {removed} and what belongs to them, {format_bytes(done.bytes)} freed"
    return _account(said, done, lines)


def clean_results(base: Path) -> list[str]:
    """Delete everything under results/; downloads under data/ stay.

    Args:
        base: the working directory.

    Returns:
        Lines that say what was removed.

    Raises:
        SegtrtError: something could not be removed; the rest is gone.
    """
    results = base / "results"
    is_folder = results.is_dir() and not results.is_symlink()
    names = sorted(path.name for path in results.iterdir()) if is_folder else []
    done = remove(results)
    gone = [name for name in names if not (results / name).exists()]
    what = f" ({', '.join(gone)})" if gone else ""
    return _account(f"removed {results.name}/{what}, {format_bytes(done.bytes)} freed", done)


def _account(said: str, done: Removal, more: Iterable[str] = ()) -> list[str]:
    """The lines for the user: what went, which links went, and what else there is to say.

    Raises:
        SegtrtError: something could not be removed.
    """
    lines = [said]
    lines += [f"{path} was a link and is gone; what it pointed to is left" for path in done.links]
    lines += more
    if done.failures:
        raise SegtrtError(f"{done.failure_line()}; apart from that: {'; '.join(lines)}")
    return lines


def clean_cache(root: Path | None, store: Store | None) -> list[str]:
    """Empty the store, delete those of earlier versions and TensorRT's timing caches.

    Args:
        root: folder of the caches, or None.
        store: the store in it, or None.

    Returns:
        Lines that say what was removed.

    Raises:
        SegtrtError: something could not be removed; the rest is gone.
    """
    if root is None or store is None:
        return ["there is no cache (SEGTRT_CACHE is off)"]
    use = store.clear()
    left = store.use()
    gone = use.entries - left.entries
    done = Removal()
    for folder in {root / name for name in EARLIER_STORES} - {store.root}:
        gone += Store(folder).use().entries
        remove(folder, done)
    remove(root / TIMING_CACHES, done)
    freed = use.bytes - left.bytes + done.bytes
    lines = []
    if left.entries:
        kept = count(left.entries, "entry", "entries")
        lines.append(f"{kept} could not be removed; check the folder's permissions")
    removed = count(gone, "entry", "entries")
    return _account(f"removed {removed} from {root}, {format_bytes(freed)} freed", done, lines)
