"""Loading an engine: only the recorded one, whole, on a machine that it fits."""

from pathlib import Path

from segtrt.data.prepared import Prepared
from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.machine.facts import refuse_other_machine
from segtrt.runtimes.base import Session
from segtrt.runtimes.registry import get_runtime


def open_engine(
    engine: Path, record: EngineRecord, *, threads: int | None = None, mode: str = "stream"
) -> Session:
    """Load an engine after checking that it is the recorded one and fits this machine.

    Args:
        engine: the engine file.
        record: its record.
        threads: CPU threads of a CPU engine, None for all cores.
        mode: `stream`, `graph` or `overlapped` on a GPU.

    Raises:
        SegtrtError: the engine is missing, damaged, unsupported, or for another machine.
    """
    if record.status != "built":
        raise SegtrtError(
            f"engine {record.name} was left out when it was to be built: {record.reason}"
        )
    check_engine(engine, record)
    runtime = get_runtime(record.runtime)
    availability = runtime.availability()
    if not availability.can_run:
        raise SegtrtError(f"engine {engine} cannot run here: {availability.reason}")
    mismatch = runtime.mismatch(record.target)
    if mismatch:
        raise SegtrtError(
            f"engine {engine} was {mismatch}; run the workflow on this machine to build its own"
        )
    return runtime.load(engine, record.settings, threads=threads, mode=mode)


def check_engine(engine: Path, record: EngineRecord) -> None:
    """Refuse an engine file that is not the one its record describes.

    Raises:
        SegtrtError: missing, cut short or changed; says how to rebuild just that one.
    """
    again = f"delete {engine} and run the workflow again to rebuild just this engine"
    if not engine.is_file():
        raise SegtrtError(f"engine {engine} does not exist; run the workflow to build it")
    size = engine.stat().st_size
    if size != record.engine_bytes:
        raise SegtrtError(
            f"engine {engine} has {size} bytes, its record says {record.engine_bytes}; {again}"
        )
    digest = sha256_file(engine)
    if digest != record.engine_sha256:
        raise SegtrtError(
            f"engine {engine} was changed after it was built (SHA-256 {digest[:12]}..., its "
            f"record says {record.engine_sha256[:12]}...); {again}"
        )


def check_patch(record: EngineRecord, shard: Prepared) -> None:
    """Refuse images that were prepared for another engine.

    Raises:
        SegtrtError: their patches are not what the engine takes.
    """
    if shard.patch != record.settings.patch:
        raise SegtrtError(
            f"{shard.path} has patches of {shard.patch}, engine {record.name} takes "
            f"{record.settings.patch}; run the workflow again to make both anew"
        )


def check_machine(record: EngineRecord) -> None:
    """Stop before loading an engine of another machine; some would run, and mislead."""
    refuse_other_machine(record.target, get_runtime(record.runtime).target())
