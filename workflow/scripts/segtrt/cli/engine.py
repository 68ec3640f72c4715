"""The engine that a command names: its file, its record, and whether it runs here."""

from pathlib import Path

from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError
from segtrt.runtimes.registry import get_runtime

_ENGINE_FILE = "engine.bin"
_RECORD_FILE = "engine.json"


def find_engine(path: Path) -> tuple[Path, EngineRecord]:
    """The engine file and the record beside it.

    Args:
        path: the engine file, its record, or the folder that holds both.

    Raises:
        SegtrtError: there is no such path, no record, or one that cannot be read.
    """
    if path.is_dir():
        engine = path / _ENGINE_FILE
    elif path.name == _RECORD_FILE:
        engine = path.with_name(_ENGINE_FILE)
    else:
        engine = path
    record = engine.with_name(_RECORD_FILE)
    if not record.is_file():
        if not path.exists():
            raise SegtrtError(
                f"engine {path} does not exist; name an engine.bin that the workflow built, or its "
                "folder"
            )
        raise SegtrtError(
            f"{path} has no record {record}; name an engine.bin that the workflow built, or its "
            "folder"
        )
    return engine, read_record(record)


def obstacle(record: EngineRecord) -> str:
    """Why an engine cannot run on this machine, in one line; empty if it can. Loads nothing."""
    if record.status != "built":
        return f"it was left out when it was to be built: {record.reason}"
    runtime = get_runtime(record.runtime)
    availability = runtime.availability()
    if not availability.can_run:
        return availability.reason
    mismatch = runtime.mismatch(record.target)
    return f"it was {mismatch}" if mismatch else ""
