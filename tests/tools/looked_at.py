"""Which files of a folder a piece of code looks at."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_watching: list[set[str]] = []


@contextmanager
def looked_at() -> Iterator[set[str]]:
    """Collect the absolute paths that this process opens, lists or asks the system about.

    Yields:
        A set that grows while the block runs.
    """
    seen: set[str] = set()
    stats = {name: getattr(os, name) for name in ("stat", "lstat", "access")}

    def watched(name: str) -> Any:
        def call(path: Any, *args: Any, **more: Any) -> Any:
            _note(path)
            return stats[name](path, *args, **more)

        return call

    _watching.append(seen)
    for name in stats:
        setattr(os, name, watched(name))
    try:
        yield seen
    finally:
        for name, original in stats.items():
            setattr(os, name, original)
        _watching.remove(seen)


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("open", "os.listdir", "os.scandir") and arguments:
        _note(arguments[0])


sys.addaudithook(_on_event)  # it stays until the process ends


def _note(path: Any) -> None:
    if isinstance(path, str | bytes | os.PathLike):
        for seen in _watching:
            seen.add(os.path.normpath(Path.cwd() / os.fsdecode(path)))


def below(seen: set[str], folder: Path) -> set[str]:
    """Those in `folder`, relative to it."""
    return {os.path.relpath(path, folder) for path in seen if path.startswith(f"{folder}{os.sep}")}
