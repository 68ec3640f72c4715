"""A folder that the workflow fetches: replaced only by what is whole, and never if it is a user's.

Such a folder holds `MARKER`, a list of the files that were put there with their hashes. A folder
without it, or with files that it does not list, is somebody's own and is left as it is.
"""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError, name_some
from segtrt.files import follow_umask, read_json, sha256_file, sha256_json, write_json
from segtrt.progress import track

FORMAT = "segtrt-fetched-1"
MARKER = ".segtrt.json"
"""In the folder; no rule declares it, so that Snakemake never deletes it."""
STAMP = ".fetched"
"""In the folder, a copy of the receipt: declared beside it, so that a lost folder is noticed."""

_OF_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".snakemake_timestamp"})
_NAMED_AT_MOST = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """What was put into a folder."""

    source: str
    """Where it came from: a data set's name, or a zip file's hash."""
    files: dict[str, str]
    """Path within the folder -> SHA-256, 64 hexadecimal digits."""

    def receipt(self) -> dict[str, Any]:
        """What decides what follows from the files, as JSON values."""
        return {
            "format": FORMAT,
            "source": self.source,
            "files": len(self.files),
            "listing_sha256": sha256_json(self.files),
        }


def fetch_into(folder: Path, source: str, fill: Callable[[Path], None]) -> Fetched:
    """Make `folder` hold what `fill` brings, unless it does already.

    What the folder held of another source is replaced when the new content is whole; a `fill` that
    fails changes nothing.

    Args:
        folder: the folder; a link to one is followed.
        source: what `fill` brings, the same text for the same content.
        fill: puts the files into the empty folder that it is given.

    Raises:
        SegtrtError: the folder holds files that the workflow did not put there, it cannot be
            written, or what `fill` raises.
    """
    place = _place(folder)
    try:
        _recover(place)
        there = _own(folder, place)
        if there and there.source == source and not _missing(place, there):
            logger.info("%s holds %s already, whole", folder, source)
            return there
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".part"))
        try:
            fill(partial)
            made = Fetched(source, _listing(partial))
            write_json(partial / MARKER, {"format": FORMAT, "source": source, "files": made.files})
            follow_umask(partial)
            _own(folder, place)  # files may have been put there meanwhile
            _swap(partial, place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise SegtrtError(
            f"{folder} cannot be replaced ({error.strerror}); check its permissions and those of "
            "the folder above"
        ) from None
    return made


def write_receipt(fetched: Fetched, folder: Path, receipt: Path) -> None:
    """Write the receipt, and its copy in the folder as `STAMP`."""
    for path in (receipt, folder / STAMP):
        write_json(path, fetched.receipt())


def check_fetched(folder: Path, receipt: Path) -> None:
    """Check that a folder holds what was fetched, file by file.

    Raises:
        SegtrtError: files are missing, were changed or added since; says which.
    """
    place = _place(folder)
    there = _own(folder, place)
    missing = sorted(_missing(place, there)) if there else ["all of it"]
    if missing:
        raise SegtrtError(
            f"{folder} does not hold what was fetched (missing: "
            f"{name_some(missing, _NAMED_AT_MOST)}); delete {receipt} and run again to fetch it"
        )
    if there and read_json(receipt, "receipt") != there.receipt():
        raise SegtrtError(
            f"{folder} holds something else than {receipt} says; delete {receipt} and run again"
        )


def _place(folder: Path) -> Path:
    """Where a folder really lies, also if it is a link; it need not exist."""
    return Path(os.path.realpath(folder))


def _own(folder: Path, place: Path) -> Fetched | None:
    """What the workflow put there, or None if nothing is there.

    Raises:
        SegtrtError: it holds other files, or changed ones.
    """
    if not place.exists():
        return None
    if not place.is_dir():
        raise SegtrtError(f"{folder} is a file, expected a folder; move it away")
    there = _read_marker(place)
    found = _files(place)
    ours = there.files if there else {}
    names = track(found, f"checking {folder}", len(found), "files")
    foreign = [name for name in names if name not in ours or _digest(place / name) != ours[name]]
    if foreign:
        what = "were added or changed since it was fetched" if there else "were not fetched"
        raise SegtrtError(
            f"{folder} holds files that {what} ({name_some(foreign, _NAMED_AT_MOST)}), so it is "
            f"left as it is; move them away and run again, or read it with dataset.source path and "
            f"dataset.path {folder}"
        )
    return there


def _files(place: Path) -> list[str]:
    """Paths within a folder of all that is not a folder, sorted; also of folders behind links."""
    found = []
    for above, folders, files in os.walk(place):
        links = [name for name in folders if Path(above, name).is_symlink()]
        found += [
            Path(above, name).relative_to(place).as_posix()
            for name in (*files, *links)
            if name not in _OF_SYSTEMS
        ]
    return sorted(name for name in found if name not in (MARKER, STAMP))


def _digest(path: Path) -> str:
    """SHA-256 of a plain file; nothing that is listed for links and the like."""
    return sha256_file(path) if path.is_file() and not path.is_symlink() else ""


def _listing(place: Path) -> dict[str, str]:
    names = _files(place)
    return {name: _digest(place / name) for name in track(names, "hashing", len(names), "files")}


def _missing(place: Path, there: Fetched) -> set[str]:
    return {name for name in there.files if not (place / name).is_file()}


def _read_marker(place: Path) -> Fetched | None:
    try:
        data = json.loads((place / MARKER).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return None
        return Fetched(str(data["source"]), {str(k): str(v) for k, v in data["files"].items()})
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.replaced")


def _swap(partial: Path, place: Path) -> None:
    """Put a new folder in the place of the old one, which goes when the new one is there."""
    aside = _aside(place)
    old = place.exists()
    if old:
        place.rename(aside)
    try:
        partial.rename(place)
    except OSError:
        if old:
            aside.rename(place)
        raise
    if old:
        shutil.rmtree(aside, ignore_errors=True)


def _recover(place: Path) -> None:
    """Put back what a run that was killed had set aside; remove it if it was replaced."""
    aside = _aside(place)
    if not aside.is_dir():
        return
    if place.is_dir() and not any(path.name != STAMP for path in place.iterdir()):
        shutil.rmtree(place)
    if not place.exists():
        aside.rename(place)
    elif _read_marker(aside):
        _own(aside, aside)  # refuses to go on if somebody put files there
        shutil.rmtree(aside)
