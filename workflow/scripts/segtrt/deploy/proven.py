"""A proven engine with all that it needs to segment images: file, record and description."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from segtrt.deploy.segmentation import FILE, Segmentation, read_segmentation
from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError
from segtrt.package.opened import is_package, opened_package

_ENGINE, _RECORD = "engine.bin", "engine.json"
_NAME_IT = "name results/engines/RUNTIME/bBATCH_PRECISION, or a package"


@dataclass(frozen=True)
class Proven:
    """An engine that was proven, with what it was proven with."""

    engine: Path
    record: EngineRecord
    segmentation: Segmentation


@contextmanager
def open_proven(place: Path) -> Iterator[Proven]:
    """Find the files of an engine, and check that they belong together; nothing is loaded.

    Of an engine in a run's results the description is `model/segmentation.json` there, or lies
    beside the engine. Every file of a package is checked, and a zip is unpacked while the block
    runs.

    Args:
        place: an engine's folder or file in the results of a run, or a package's folder or zip.

    Raises:
        SegtrtError: a file is missing, changed or cannot be read, they do not belong together, or
            the engine was left out when it was to be built.
    """
    if not place.exists():
        raise SegtrtError(f"engine {place} does not exist; {_NAME_IT}")
    if is_package(place):
        with opened_package(place) as package:
            yield _checked(
                Proven(package.engine, package.record, package.segmentation), package.folder / FILE
            )
        return
    folder = place if place.is_dir() else place.parent
    if not (folder / _RECORD).is_file():
        raise SegtrtError(f"{place} has no {_RECORD}; {_NAME_IT}")
    path = _description(folder)
    record = read_record(folder / _RECORD)
    yield _checked(Proven(folder / _ENGINE, record, read_segmentation(path)), path)


def _checked(proven: Proven, path: Path) -> Proven:
    """The same, if engine and description go together.

    Args:
        proven: what was read.
        path: the description, for messages.
    """
    record, segmentation = proven.record, proven.segmentation
    if record.status != "built":
        raise SegtrtError(
            f"engine {record.name} was left out when it was to be built: {record.reason}"
        )
    settings, network = record.settings, segmentation.network
    expected = record.network, settings.patch, settings.output
    if (network, segmentation.patch, network.output_of(segmentation.patch[1:])) != expected:
        raise SegtrtError(
            f"{path} is not of engine {record.name}: they take or give other patches; run the "
            "workflow again to make both anew"
        )
    return proven


def _description(folder: Path) -> Path:
    """Where the description of the engine in `folder` is."""
    beside = [folder / FILE]
    results = folder.absolute().parents
    # results/engines/{runtime}/b{batch}_{precision}
    if len(results) > 2 and results[1].name == "engines":
        beside.append(results[2] / "model" / FILE)
    found = next((path for path in beside if path.is_file()), None)
    if found is None:
        raise SegtrtError(
            f"{folder} has no {FILE}, which says how images become the engine's input; run "
            "snakemake results/model/segmentation.json where it was built, or take a whole package"
        )
    return found
