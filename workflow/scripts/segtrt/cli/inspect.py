"""`segtrt inspect`: an engine's record, layers and data types."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from segtrt.cli.engine import find_engine, obstacle
from segtrt.cli.text import facts, plain, table
from segtrt.engines.load import check_engine
from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.quality.precision_proof import precision_proof
from segtrt.report.wording import MISSING, fact_name, mib, number, percent, runtime, seconds
from segtrt.runtimes.base import BuildSettings, Layer
from segtrt.runtimes.registry import get_runtime

_TOLD_ELSEWHERE = ("batch_size", "precision", "profile", "batches")
_FACTS = {"isa": "extensions", "compute_capability": "compute", "cuda": "CUDA"}


def inspect_engine(path: Path, *, as_json: bool) -> int:
    """Print what is known of an engine.

    As JSON: `name`, `record` (as in engine.json), `file_fault` (why the engine file is not the
    recorded one, null if it is), `obstacle` (why it cannot run here, null if it can) and
    `precision_proof` (shares by data type, see `segtrt.quality.verdict`).

    Args:
        path: engine file or its folder.
        as_json: print JSON instead of text.

    Returns:
        0, or 1 if the engine file is missing, damaged or not the recorded one.

    Raises:
        SegtrtError: there is no such engine, or its record cannot be read.
    """
    engine, record = find_engine(path)
    fault = _file_fault(engine, record)
    hindrance = obstacle(record)
    if as_json:
        proof = precision_proof(record.layers)
        data = {
            "name": record.name,
            "record": asdict(record),
            "file_fault": fault or None,
            "obstacle": hindrance or None,
            "precision_proof": asdict(proof) if proof else None,
        }
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        print("\n".join([*_overview(record, fault, hindrance), *_types(record), *_layers(record)]))
    return 1 if fault else 0


def _file_fault(engine: Path, record: EngineRecord) -> str:
    try:
        check_engine(engine, record)
    except SegtrtError as error:
        return str(error)
    return ""


def _overview(record: EngineRecord, fault: str, hindrance: str) -> list[str]:
    settings = record.settings
    built = record.status == "built"
    pairs: list[tuple[str, object]] = [
        ("runtime", f"{runtime(record.runtime)} {record.target.get('runtime') or ''}"),
        ("precision", settings.precision),
        ("batch", _batch(settings)),
    ]
    if others := _other_settings(record):
        pairs.append(("settings", others))
    if built:
        pairs += [
            *_device(record),
            ("built in", f"{seconds(record.build_ms)} s"),
            ("size", f"{mib(record.engine_bytes)} MiB"),
        ]
    pairs += [
        ("file", fault or "whole, as recorded"),
        ("runs here", f"no: {hindrance}" if hindrance else "yes"),
        ("engine hash", record.engine_sha256),
        ("graph", record.graph.label),
        ("graph hash", record.graph_sha256),
        ("code", record.code),
    ]
    pairs += [("note", note) for note in record.notes]
    return [plain(record.name), *facts(pairs)]


def _batch(settings: BuildSettings) -> str:
    if settings.profile != "dynamic":
        return f"{settings.batch_size}, static"
    return (
        f"{settings.batch_size}, dynamic: {settings.dynamic_min} to {settings.dynamic_max}, tuned "
        f"for {settings.dynamic_opt}"
    )


def _other_settings(record: EngineRecord) -> str:
    """Further settings that make a difference to this runtime's engines."""
    key_settings = get_runtime(record.runtime).key_settings(record.settings)
    return ", ".join(
        f"{fact_name(key)} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in key_settings.items()
        if key not in _TOLD_ELSEWHERE and not key.startswith("dynamic_") and value != []
    )


def _device(record: EngineRecord) -> list[tuple[str, object]]:
    """The device by its name, then its other facts."""
    target = record.target
    named = [str(target[key]) for key in ("gpu", "cpu") if target.get(key)]
    return [
        ("built for", ", ".join(named) or "a GPU that was not there"),
        *(
            (_FACTS.get(key, key), value)
            for key, value in target.items()
            if key not in ("gpu", "cpu", "runtime")
        ),
    ]


def _types(record: EngineRecord) -> list[str]:
    """Share of layers and of the convolutions' work by data type."""
    proof = precision_proof(record.layers)
    if proof is None:
        return ["", "layers: unknown"] if record.status == "built" else []
    counts = Counter(layer.dtype for layer in record.layers)
    work = proof.convolutions or {}
    rows: list[Sequence[object]] = [("type", "layers", "share", "share of convolutions' work")]
    rows += [
        (
            dtype,
            counts[dtype],
            percent(share),
            percent(work.get(dtype, 0.0)) if work else MISSING,
        )
        for dtype, share in sorted(proof.layers.items(), key=lambda item: -item[1])
    ]
    weighed = "" if proof.weighed_by == "flops" else "; work is counted in layers"
    return ["", f"data types{weighed}", *(f"  {line}" for line in table(rows))]


def _layers(record: EngineRecord) -> list[str]:
    if not record.layers:
        return []
    rows: list[Sequence[object]] = [("kind", "type", "MFLOP", "name")]
    rows += [(layer.kind, layer.dtype, _mflop(layer), layer.name) for layer in record.layers]
    return ["", f"{len(record.layers)} layers", *(f"  {x}" for x in table(rows, left=(0, 1, 3)))]


def _mflop(layer: Layer) -> str:
    return MISSING if layer.flops is None else number(layer.flops / 1e6)
