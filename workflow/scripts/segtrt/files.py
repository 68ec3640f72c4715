"""Hashes of files, and files that are either whole or absent."""

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON (keys sorted, no spaces), 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def follow_umask(path: Path) -> None:
    """Open a temporary file or folder, its owner's alone, to whom the umask allows new ones.

    A folder keeps the bit by which what is made in it belongs to the group of a shared folder.
    """
    umask = os.umask(0)
    os.umask(umask)
    mode = path.stat().st_mode
    everyone = 0o777 if stat.S_ISDIR(mode) else 0o666
    path.chmod(everyone & ~umask | mode & stat.S_ISGID)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place if the block succeeds.

    A block that fails leaves `path` as it was and removes the temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        follow_umask(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON with a final newline, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it has {name} for a number")


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        what: what it is, for the message, e.g. "engine record".

    Raises:
        SegtrtError: the file is missing, is not JSON, or has a number that is NaN or infinite.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise SegtrtError(f"{what} {path} does not exist; run the workflow to make it") from None
    except ValueError as error:
        raise SegtrtError(
            f"{what} {path} is not valid JSON ({error}); delete it and run the workflow again"
        ) from None
