"""Opening a package, a folder or a zip: whole and unchanged, or nothing of it is read."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segtrt.deploy.segmentation import FILE as SEGMENTATION
from segtrt.deploy.segmentation import Segmentation, read_segmentation
from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.package.archive import is_zip, unpack_zip
from segtrt.package.checksums import SUMS, check_files
from segtrt.package.golden import FOLDER, SAMPLES, Golden, read_golden
from segtrt.package.manifest import ENGINE, FILE, RECORD, Manifest, read_manifest
from segtrt.runtimes.registry import get_runtime

_REMEDY = "take a whole copy of the package"


@dataclass(frozen=True)
class Package:
    """A package whose files are those that it was made with."""

    folder: Path
    manifest: Manifest
    record: EngineRecord
    segmentation: Segmentation
    engine: Path
    """The engine's file; caches of its runtime may be written beside it."""
    digest: str
    """SHA-256 of its list of checksums, which identifies a package."""

    def golden(self) -> list[Golden]:
        """The golden samples.

        Raises:
            SegtrtError: one cannot be read.
        """
        settings = self.record.settings
        return read_golden(
            self.folder / FOLDER, self.manifest.samples, settings.patch, settings.output
        )


def is_package(path: Path) -> bool:
    """Whether a folder or file looks like a package; nothing is checked."""
    if path.is_dir():
        return (path / FILE).is_file() or (path / SUMS).is_file()
    return path.is_file() and is_zip(path)


@contextmanager
def opened_package(path: Path) -> Iterator[Package]:
    """Check a package's files and yield what it holds; nothing is written into it.

    Args:
        path: its folder, or its zip, which is unpacked to a temporary folder.

    Raises:
        SegtrtError: not a package, or a file of it is not what it was made with; names it.
    """
    if not path.exists():
        raise SegtrtError(f"package {path} does not exist; name a package's folder or its zip")
    if not is_package(path):
        raise SegtrtError(f"{path} is no package: it has no {FILE}; name a package's folder or zip")
    with tempfile.TemporaryDirectory(prefix="segtrt-") as place:
        folder = path
        if not path.is_dir():
            folder = Path(place) / "package"
            folder.mkdir()
            unpack_zip(path, folder)
        check_files(folder)
        package = _read(folder)
        # What starts on a GPU leaves caches beside the engine; a package stays as it is.
        if path.is_dir() and get_runtime(package.record.runtime).device == "gpu":
            copy = Path(place) / Path(ENGINE).name
            shutil.copyfile(package.engine, copy)
            package = Package(**{**vars(package), "engine": copy})
        yield package


def _read(folder: Path) -> Package:
    """What a package's files say, if they go together."""
    for name in (FILE, RECORD, SEGMENTATION, ENGINE):
        if not (folder / name).is_file():
            raise SegtrtError(f"{folder} has no {name}, which every package has; {_REMEDY}")
    manifest, record = read_manifest(folder / FILE), read_record(folder / RECORD)
    segmentation = read_segmentation(folder / SEGMENTATION, _REMEDY)
    for what, one, other in (
        ("engine", plain_name(manifest.engine), record.name),
        ("patch", segmentation.patch, record.settings.patch),
        ("network", segmentation.network, record.network),
    ):
        if one != other:
            raise SegtrtError(
                f"{folder}: the {what} of {RECORD} is not that of its other files; {_REMEDY}"
            )
    if not 1 <= manifest.samples <= SAMPLES:
        raise SegtrtError(f"{folder / FILE} has {manifest.samples} samples; {_REMEDY}")
    return Package(
        folder, manifest, record, segmentation, folder / ENGINE, sha256_file(folder / SUMS)
    )


def plain_name(engine: str) -> str:
    """An engine's name without machine and profile, as its record has it.

    `openvino/b1_fp32` of `openvino@cluster/b1_fp32` and of `openvino/b1_fp32_dynamic`.
    """
    place, _, cell = engine.partition("/")
    return f"{place.partition('@')[0]}/{'_'.join(cell.split('_')[:2])}"
