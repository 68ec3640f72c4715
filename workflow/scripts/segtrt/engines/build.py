"""Building an engine file and its record."""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file, write_bytes
from segtrt.machine.facts import refuse_other_machine
from segtrt.model.spec import NetworkSpec
from segtrt.runtimes.base import BuildSettings, Runtime, UnsupportedError
from segtrt.runtimes.registry import get_runtime

logger = logging.getLogger(__name__)


def build_engine(
    runtime_name: str,
    settings: BuildSettings,
    graph: Path,
    out_engine: Path,
    out_record: Path,
    *,
    network: NetworkSpec,
    obstacle: str = "",
    target: Mapping[str, Any],
    code: str,
    cache_dir: Path | None,
    on_unsupported: str,
) -> EngineRecord:
    """Build one engine and write it with its record.

    Args:
        runtime_name: the runtime, as in the config.
        settings: how to build, with the patch.
        graph: ONNX file of the graph that the runtime takes for the precision.
        out_engine: the engine file to write; empty if the engine is unsupported.
        out_record: its record to write.
        network: its contract.
        obstacle: why there is no such graph; empty if there is one.
        target: the device and versions to build for (`Runtime.target`), as planned.
        code: fingerprint of the code that builds.
        cache_dir: folder for caches of this machine, or None.
        on_unsupported: `fail`, or `skip` to write a record with status `unsupported` instead.

    Raises:
        SegtrtError: the graph is missing or cannot be built, this is not the machine to build on,
            or the runtime, this device and the settings do not go together and `on_unsupported` is
            `fail`.
    """
    if not graph.is_file():
        raise SegtrtError(f"graph {graph} does not exist; run the workflow to make it")
    runtime = get_runtime(runtime_name)
    refuse_other_machine(target, runtime.target())
    nothing_built = EngineRecord(
        runtime=runtime_name,
        settings=settings,
        network=network,
        graph=runtime.graph(settings.precision),
        status="unsupported",
        graph_sha256=sha256_file(graph),
        target={"runtime": runtime.version()},
        code=code,
        engine_sha256=hashlib.sha256(b"").hexdigest(),
        engine_bytes=0,
        build_ms=0.0,
    )
    try:
        if obstacle:
            raise UnsupportedError(obstacle)
        record = _build(nothing_built, runtime, graph, out_engine, cache_dir)
    except UnsupportedError as error:
        reason = " ".join(str(error).split())
        if on_unsupported == "fail":
            out_engine.unlink(missing_ok=True)
            raise SegtrtError(
                f"{runtime_name} cannot build b{settings.batch_size}_{settings.precision} here: "
                f"{reason}; take it out of engines.runtimes or engines.precisions, or set "
                "engines.on_unsupported to skip"
            ) from None
        record = replace(nothing_built, reason=reason)
        write_bytes(out_engine, b"")
        logger.warning("%s is skipped: %s", record.name, reason)
    record.write(out_record)
    return record


def _refused_batch(record: EngineRecord) -> str | None:
    """Why the network does not take such batches, or None."""
    settings, batch = record.settings, record.network.batch
    if batch is None or (settings.profile == "static" and settings.batch_size == batch):
        return None
    return f"the network takes batches of {batch} only"


def _build(
    nothing_built: EngineRecord,
    runtime: Runtime,
    graph: Path,
    out_engine: Path,
    cache_dir: Path | None,
) -> EngineRecord:
    """Build and start an engine; returns its record.

    Raises:
        UnsupportedError: the runtime, its version or this device cannot do it.
    """
    settings = nothing_built.settings
    availability = runtime.availability()
    if not availability.can_build:
        raise UnsupportedError(availability.reason)
    obstacle = runtime.unsupported(settings) or _refused_batch(nothing_built)
    if obstacle:
        raise UnsupportedError(obstacle)
    begin = time.perf_counter()
    built = runtime.build(graph, settings, cache_dir)
    build_ms = (time.perf_counter() - begin) * 1000
    write_bytes(out_engine, built.engine)
    record = replace(
        nothing_built,
        status="built",
        target=runtime.target(),
        engine_sha256=sha256_file(out_engine),
        engine_bytes=len(built.engine),
        build_ms=build_ms,
        first_start_ms=runtime.first_start(out_engine, settings),
        layers=built.layers,
        notes=built.notes,
    )
    mib = record.engine_bytes / 2**20
    logger.info("%s: built in %.0f ms, %.1f MiB", record.name, build_ms, mib)
    for note in record.notes:
        logger.info("%s: %s", record.name, note)
    return record
