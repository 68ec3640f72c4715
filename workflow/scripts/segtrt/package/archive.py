"""A package as one zip file: the same bytes from the same files, and read with suspicion.

Files are stored as they are: engines hardly compress, the bytes do not depend on a version of zlib,
and no small file can swell to a huge one.
"""

import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from segtrt.errors import SegtrtError, describe_os_error
from segtrt.files import replacing
from segtrt.package.checksums import MOST_FILES, is_plain_path

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold: no file's own is kept."""

_UNIX = 3
_MODE = stat.S_IFREG | 0o644
_CHUNK = 2**20
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError),
    *(LookupError, NotImplementedError),
)
"""What reading a damaged zip may raise."""


def write_zip(folder: Path, out: Path) -> None:
    """Write every file below `folder` to the zip `out`, sorted by path, whole or not at all.

    Neither times, owners and modes nor the order on the disk make a difference.
    """
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    with replacing(out) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does."""
    with path.open("rb") as handle:
        return handle.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack_zip(path: Path, folder: Path) -> None:
    """Put the files of a zip that `write_zip` made into an empty folder.

    Args:
        path: the zip.
        folder: where they go; nothing is written outside it.

    Raises:
        SegtrtError: not a whole zip; or a member is named twice, leads out of the folder, is no
            plain file, is compressed or encrypted, or larger than the zip itself; names it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in _checked(archive, path):
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out, _CHUNK)
    except FileExistsError as error:
        raise _refused(path, f"has {error.filename!r} as a file and as a folder") from None
    except OSError as error:
        if error.filename is not None:
            raise
        # The disk is full, or a damaged zip sent the reader to a place before its beginning.
        raise SegtrtError(
            f"cannot unpack {path} below {folder}: {describe_os_error(error)}"
        ) from None
    except _DAMAGED as error:
        raise _refused(path, f"is not a whole zip file ({error})") from None


def _checked(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The zip's members, each fit to be unpacked.

    Raises:
        SegtrtError: one is not.
    """
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise _refused(path, f"has {len(entries):,} members, more than any package")
    room = path.stat().st_size
    seen: set[str] = set()
    for entry in entries:
        name, fault = entry.orig_filename, ""
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if name != entry.filename or not is_plain_path(name):
            fault = "leads out of the package or is no plain name"
        elif kind not in (0, stat.S_IFREG):
            fault = "is a link or no plain file"
        elif name in seen:
            fault = "is there twice"
        elif entry.flag_bits & 1:
            fault = "is encrypted"
        elif entry.compress_type != zipfile.ZIP_STORED:
            fault = "is compressed, as no package is: unzip it yourself and name the folder"
        elif entry.file_size > room or entry.file_size != entry.compress_size:
            fault = f"claims {entry.file_size:,} bytes, more than the zip holds of it"
        if fault:
            raise _refused(path, f"has the member {name!r}, which {fault}")
        room -= entry.file_size
        seen.add(name)
    return entries


def _refused(path: Path, fault: str) -> SegtrtError:
    return SegtrtError(f"{path} {fault}; take a whole copy of the package")
