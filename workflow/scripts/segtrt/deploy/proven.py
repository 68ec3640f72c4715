"""A proven engine with all that it needs to segment images: file, record and description."""

from dataclasses import dataclass
from pathlib import Path

from segtrt.deploy.segmentation import FILE, Segmentation, read_segmentation
from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError

_ENGINE, _RECORD = "engine.bin", "engine.json"
_PACKED = "engine"
"""Folder of a package that holds the two."""

_NAME_IT = "name results/engines/RUNTIME/bBATCH_PRECISION, or a package's folder"


@dataclass(frozen=True)
class Proven:
    """An engine that was proven, with what it was proven with."""

    engine: Path
    record: EngineRecord
    segmentation: Segmentation


def open_proven(place: Path) -> Proven:
    """Find the files of an engine; nothing is loaded.

    In a package's folder the description lies beside the engine's own folder; of an engine in a
    run's results it is `model/segmentation.json` there.

    Args:
        place: an engine's folder or file in the results of a run, or a package's folder.

    Raises:
        SegtrtError: a file is missing or cannot be read, they do not belong together, or the engine
            was left out when it was to be built.
    """
    if not place.exists():
        raise SegtrtError(f"engine {place} does not exist; {_NAME_IT}")
    folder = place if place.is_dir() else place.parent
    cell = next((one for one in (folder, folder / _PACKED) if (one / _RECORD).is_file()), None)
    if cell is None:
        raise SegtrtError(f"{place} has no {_RECORD}; {_NAME_IT}")
    path = _description(cell, folder)
    record, segmentation = read_record(cell / _RECORD), read_segmentation(path)
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
    return Proven(cell / _ENGINE, record, segmentation)


def _description(cell: Path, folder: Path) -> Path:
    """Where the description of the engine in `cell` is."""
    beside = [cell / FILE, folder / FILE]
    results = cell.absolute().parents
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
