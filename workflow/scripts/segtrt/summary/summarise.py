"""The summary: every figure of the report, as JSON and as a table."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segtrt.config.settings import Report, Settings, as_json
from segtrt.data.manifest import Manifest, read_manifest
from segtrt.engines.record import read_record
from segtrt.errors import SegtrtError
from segtrt.files import read_json, sha256_file, write_bytes, write_json
from segtrt.precision import Graph
from segtrt.quality.scores import read_scores
from segtrt.quality.verdict import read_validation
from segtrt.summary.benchmark_files import read_benchmarks
from segtrt.summary.comparison import compare
from segtrt.summary.engines import engine_entry, engine_order, left_out_entry, table
from segtrt.summary.machines import machine_entries, reference_dice
from segtrt.summary.overlays import write_overlays
from segtrt.summary.selection_rule import Candidate, Choice, pick_engine

FORMAT = "segtrt-summary-1"
SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "summary.schema.yaml"

Json = dict[str, Any]


def summarise(
    *,
    settings: Settings,
    manifest: Path,
    weights: Path,
    tensor_shards: Sequence[Path],
    reference_shards: Sequence[Path],
    machines: Sequence[str],
    reference_timings: Sequence[Path],
    preparations: Sequence[Path],
    records: Sequence[Path],
    timings: Sequence[Path],
    scores: Sequence[Path],
    validations: Sequence[Path],
    left_out: Mapping[str, str],
    not_run: Mapping[str, str],
    benchmarks_dir: Path | None,
    rule_graph: str | None,
    out_json: Path,
    out_csv: Path,
    overlays_dir: Path,
) -> None:
    """Write the summary, its table and the pictures of the report.

    Args:
        settings: the resolved configuration.
        manifest: the data set's manifest.
        weights: the weights file; its hash goes into the summary.
        tensor_shards: shards with `images` and `masks`.
        reference_shards: shards with `probabilities` from PyTorch, in the same order.
        machines: names of the machines, empty for this one.
        reference_timings: PyTorch's times on each (`segtrt.model.reference.time_reference`).
        preparations: times of decoding and normalising on each (`segtrt.data.preparation_timing`).
        records: `engine.json` of every engine that was built.
        timings: `timing/{runtime}/b{batch}_{precision}.json` of those that were run.
        scores: `scores/...json` of those that were run.
        validations: `validation/...json` of those that were run.
        left_out: engines that cannot be had here -> why.
        not_run: `runtime` or `runtime@machine` -> why its engines were built but not run.
        benchmarks_dir: Snakemake's benchmark files, `<rule>/**/*.tsv`, or None.
        rule_graph: the rule graph as SVG text, or None.
        out_json: the summary, `workflow/schemas/summary.schema.yaml`.
        out_csv: its engines, one a row.
        overlays_dir: pictures for the report (`segtrt.summary.overlays`).

    Raises:
        SegtrtError: an input is missing or of another format.
    """
    # A record knows no machine's name, for it serves wherever machines are alike: paths do.
    judged = {_engine(path): read_validation(path) for path in validations}
    scored = {_engine(path): {**read_scores(path), "engine": _engine(path)} for path in scores}
    timed = {_engine(path): read_timing(path) for path in timings}
    built = {_engine(path.parent): read_record(path) for path in records}
    told = machine_entries(machines, reference_timings, preparations, timed)
    engines = [
        engine_entry(
            name,
            record,
            judged=judged,
            scored=scored,
            timed=timed,
            not_run=not_run,
            reference={one["name"]: one["timings"] for one in told},
        )
        for name, record in built.items()
    ]
    engines += [left_out_entry(name, reason) for name, reason in left_out.items()]
    engines.sort(key=engine_order)
    summary = compose(
        settings=settings,
        manifest=read_manifest(manifest),
        weights_sha256=sha256_file(weights),
        graphs={record.graph: record.graph_sha256 for record in built.values()},
        machines=told,
        reference=reference_dice(list(scored.values())),
        engines=engines,
        rules=read_benchmarks(benchmarks_dir) if benchmarks_dir else [],
        rule_graph=rule_graph,
    )
    write_summary(summary, out_json, out_csv)
    choice = summary["recommendation"]
    shown = choice["engine"] or choice["closest"]
    write_overlays(
        overlays_dir,
        tensor_shards=tensor_shards,
        reference_shards=reference_shards,
        scores=sorted(scored.values(), key=lambda data: (data["engine"] != shown, data["engine"])),
        threshold=settings.validation.threshold,
        largest_component=settings.validation.largest_component,
        subjects=settings.report.overlay_subjects,
        slices=settings.report.overlay_slices,
    )


def compose(
    *,
    settings: Settings,
    manifest: Manifest,
    weights_sha256: str,
    graphs: Mapping[Graph, str],
    machines: Sequence[Json],
    reference: Mapping[str, Any],
    engines: Sequence[Json],
    rules: Sequence[Json],
    rule_graph: str | None,
) -> Json:
    """Put a summary together and compare it, if `report.compare_with` says so."""
    report = settings.report
    summary: Json = {
        "format": FORMAT,
        "title": report.title,
        "recommendation": _pick(engines, report).to_json(),
        "engines": list(engines),
        "reference": dict(reference),
        "dataset": _dataset(manifest, settings),
        "model": {
            "weights": settings.model.weights,
            "weights_sha256": weights_sha256,
            "init_features": settings.model.init_features,
            "graphs": {str(graph): graphs[graph] for graph in Graph if graph in graphs},
        },
        "machines": [
            {
                **one,
                "recommended": _pick(
                    [engine for engine in engines if engine["machine"] == one["name"]], report
                ).engine,
            }
            for one in machines
        ],
        "config": as_json(settings),
        "rules": list(rules),
        "rule_graph": rule_graph,
        "comparison": None,
    }
    if report.compare_with:
        summary["comparison"] = compare(summary, read_summary(Path(report.compare_with)))
    return summary


def _pick(engines: Sequence[Json], limits: Report) -> Choice:
    """The engine that the report recommends of these."""
    return pick_engine(
        [Candidate.of(engine) for engine in engines],
        max_dice_loss=limits.max_dice_loss,
        max_latency_ms=limits.max_latency_ms,
    )


def _engine(path: Path) -> str:
    """The engine's name in a path that ends with it, with or without `.json`."""
    return f"{path.parent.name}/{path.name.removesuffix('.json')}"


def write_summary(summary: Json, out_json: Path, out_csv: Path) -> None:
    """Check a summary against its schema and write it, whole and as a table."""
    check_summary(summary)
    write_json(out_json, summary)
    write_bytes(out_csv, table(summary).encode())


def check_summary(summary: Any) -> None:
    """Refuse what does not follow the schema.

    Raises:
        ValueError: names the first fault.
    """
    import jsonschema
    import yaml

    if odd := next(_non_finite(summary), None):
        raise ValueError(odd)
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    fault = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(summary)
    )
    if fault is not None:
        raise ValueError(f"{fault.json_path}: {fault.message[:300]}")


def _non_finite(value: Any, where: str = "$") -> Iterator[str]:
    """Numbers that JSON does not have, but its readers take: `NaN` and those too large."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{where}: {value} is not a finite number"
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _non_finite(entry, f"{where}.{key}")
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield from _non_finite(entry, f"{where}[{place}]")


def read_summary(path: Path) -> Json:
    """Read a summary, this run's or another one's.

    Raises:
        SegtrtError: missing, not JSON, of another format or against the schema.
    """
    data = read_json(path, "summary")
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise SegtrtError(
            f"{path} is not a summary this version can read (format {FORMAT} expected, found "
            f"{found!r}); make it again with this version"
        )
    try:
        check_summary(data)
    except ValueError as error:
        raise SegtrtError(f"{path} is damaged: {error}; run the workflow again") from None
    summary: Json = data
    return summary


def read_timing(path: Path) -> Json:
    """Read an engine's timing: `timing` (TimingResult), `load_stages_ms`, `memory_mib`."""
    data = read_json(path, "timing")
    if not isinstance(data, dict) or "timing" not in data:
        raise SegtrtError(
            f"{path} is not a timing this version can read; delete it and run the workflow again"
        )
    return data


def _dataset(manifest: Manifest, settings: Settings) -> Json:
    splits = {
        split: [subject for subject in manifest.subjects if subject.split == split]
        for split in ("evaluation", "calibration")
    }
    return {
        "source": settings.dataset.source,
        "normalisation": settings.tensors.normalisation,
        "subjects": len(manifest.subjects),
        "slices": sum(len(subject.slices) for subject in manifest.subjects),
        "evaluation_subjects": len(splits["evaluation"]),
        "evaluation_slices": sum(len(subject.slices) for subject in splits["evaluation"]),
        "calibration_subjects": len(splits["calibration"]),
        "calibration_slices": sum(len(subject.slices) for subject in splits["calibration"]),
        "skipped": [{"subject": one.name, "reason": one.reason} for one in manifest.skipped],
    }
