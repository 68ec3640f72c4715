"""The summary: every figure of the report, as JSON and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segtrt.config.settings import Settings
from segtrt.config.typed import as_json
from segtrt.data.manifest import Manifest, read_manifest
from segtrt.engines.record import read_record
from segtrt.engines.timing_file import read_timing
from segtrt.files import sha256_file, write_bytes, write_json
from segtrt.model.spec import NetworkSpec, read_notes, read_spec
from segtrt.precision import Graph
from segtrt.quality.reference_scores import ReferenceScores, read_reference_scores
from segtrt.quality.scores import read_scores
from segtrt.quality.verdict import read_verdict
from segtrt.summary.benchmark_files import read_benchmarks
from segtrt.summary.comparison import compare
from segtrt.summary.dataset import dataset_entry, patches_entry
from segtrt.summary.document import FORMAT, check_summary, read_summary
from segtrt.summary.engines import engine_entry, engine_order, engine_parts, left_out_entry, table
from segtrt.summary.machines import machine_entries, reference_entry
from segtrt.summary.mixes import lowered_regions, mix_entries, read_mixes
from segtrt.summary.overlays import write_overlays
from segtrt.summary.rebuilds import NO_REBUILDS, RebuildFiles, rebuild_entries
from segtrt.summary.regions import NO_REGIONS, RegionFiles, regions_entry
from segtrt.summary.selection_rule import Candidate, Choice, pick_engine

Json = dict[str, Any]


@dataclass(frozen=True)
class DataFiles:
    """Files of the data set and the network."""

    manifest: Path
    network: Path
    """The network's contract (`segtrt.model.spec`)."""
    weights: Path | None
    """Its hash goes into the summary; None where the network brings its own."""
    tensors: Sequence[Path]
    """Shards of prepared images (`segtrt.data.prepared`)."""


@dataclass(frozen=True)
class ReferenceFiles:
    """Files of the reference's own figures."""

    scores: Path
    """`segtrt.quality.reference_scores`."""
    answers: Sequence[Path]
    """Its answers (`segtrt.quality.answers`), shard by shard as the tensors."""
    timings: Sequence[Path]
    """Its times on each machine (`segtrt.model.reference_timing_file`)."""
    preparations: Sequence[Path]
    """Times of decoding and normalising on each machine (`segtrt.data.preparation_file`)."""


@dataclass(frozen=True)
class EngineFiles:
    """Files of the engines, each under its engine's name; the last three only of those run."""

    records: Sequence[Path]
    """`engine.json`."""
    timings: Sequence[Path]
    scores: Sequence[Path]
    verdicts: Sequence[Path]


@dataclass(frozen=True)
class Asked:
    """What was asked for and what could not be had."""

    machines: Sequence[str]
    """Names of the machines, empty for this one."""
    left_out: Mapping[str, str]
    """Engines that cannot be had here -> why."""
    not_run: Mapping[str, str]
    """`runtime` or `runtime@machine` -> why its engines were built but not run."""


@dataclass(frozen=True)
class Outputs:
    """Files to write."""

    summary: Path
    """`workflow/schemas/summary.schema.yaml`."""
    table: Path
    """The engines as CSV, one a row."""
    overlays: Path
    """Folder of the report's pictures (`segtrt.summary.overlays`)."""


def summarise(
    settings: Settings,
    asked: Asked,
    data: DataFiles,
    reference: ReferenceFiles,
    engines: EngineFiles,
    *,
    outputs: Outputs,
    benchmarks_dir: Path | None,
    rule_graph: str | None,
    search: RegionFiles = NO_REGIONS,
    rebuilds: RebuildFiles = NO_REBUILDS,
) -> None:
    """Write the summary, its table and the pictures of the report.

    Args:
        settings: the resolved configuration.
        asked, data, reference, engines: what goes into it.
        outputs: what to write.
        benchmarks_dir: Snakemake's benchmark files, `<rule>/**/*.tsv`, or None.
        rule_graph: the rule graph as SVG text, or None.
        search: what was found on regions.
        rebuilds: what engines came to that were built more often.

    Raises:
        SegtrtError: an input is missing or of another format.
    """
    # A record knows no machine's name, for it serves wherever machines are alike: paths do.
    timed = {_engine(path): read_timing(path) for path in engines.timings}
    scored = {_engine(path): read_scores(path) for path in engines.scores}
    judged = {_engine(path): read_verdict(path) for path in engines.verdicts}
    built = {_engine(path.parent): read_record(path) for path in engines.records}
    machines = machine_entries(
        asked.machines,
        reference.timings,
        reference.preparations,
        timed,
        settings.validation.tolerances,
    )
    by_name = {one["name"]: one for one in machines}
    mixes = read_mixes(search.mixes)
    strayed = rebuild_entries(rebuilds)
    entries = [
        engine_entry(
            name,
            record,
            lowered_regions=lowered_regions(name, mixes),
            verdict=judged.get(name),
            scores=scored.get(name),
            timing=timed.get(name),
            not_run=asked.not_run.get(name.split("/", maxsplit=1)[0], ""),
            machine=by_name[engine_parts(name)[1]],
            rebuilds=strayed.get(name),
        )
        for name, record in built.items()
    ]
    entries += [left_out_entry(name, reason) for name, reason in asked.left_out.items()]
    entries.sort(key=engine_order)
    reference_scores = read_reference_scores(reference.scores)
    summary = compose(
        settings=settings,
        manifest=read_manifest(data.manifest),
        network=read_spec(data.network),
        notes=read_notes(data.network),
        weights_sha256=sha256_file(data.weights) if data.weights else None,
        patches=patches_entry(data.tensors),
        # A mix has a graph for each runtime and machine; its engines have its hash.
        graphs={one.graph: one.graph_sha256 for one in built.values() if one.graph.budget is None},
        machines=machines,
        reference_scores=reference_scores,
        engines=entries,
        rules=read_benchmarks(benchmarks_dir) if benchmarks_dir else [],
        rule_graph=rule_graph,
        precision_search=regions_entry(search, mix_entries(mixes, entries)),
    )
    write_summary(summary, outputs.summary, outputs.table)
    choice = summary["recommendation"]
    first = choice["engine"] or choice["closest"]
    figures = {name: one.figures for name, one in scored.items() if one.figures}
    write_overlays(
        outputs.overlays,
        tensor_shards=data.tensors,
        reference_shards=reference.answers,
        scores={name: figures[name] for name in sorted(figures, key=lambda n: (n != first, n))},
        subjects=settings.report.overlay_subjects,
        views=settings.report.overlay_slices,
        channel=settings.report.display_channel,
        higher_is_better=reference_scores.metric.higher_is_better,
        largest_component=reference_scores.largest_component,
    )


def compose(
    *,
    settings: Settings,
    manifest: Manifest,
    network: NetworkSpec,
    notes: Sequence[str],
    weights_sha256: str | None,
    patches: Json,
    graphs: Mapping[Graph, str],
    machines: Sequence[Json],
    reference_scores: ReferenceScores,
    engines: Sequence[Json],
    rules: Sequence[Json],
    rule_graph: str | None,
    precision_search: Json | None = None,
) -> Json:
    """Put a summary together and compare it, if `report.compare_with` says so."""
    report = settings.report
    reference = reference_entry(reference_scores, settings.validation.min_reference)
    limits: Json = {
        "max_metric_loss": report.max_metric_loss,
        "confident": report.confident,
        "max_latency_ms": report.max_latency_ms,
        "metric": reference_scores.metric.title,
        "doubt": reference["doubt"],
    }
    later = ("package", "publish")  # what is made from the summary
    config = {name: value for name, value in as_json(settings).items() if name not in later}
    if report.compare_with:
        config["report"]["compare_with"] = Path(report.compare_with).name
    values: Json = {
        "format": FORMAT,
        "title": report.title,
        "recommendation": _pick(engines, limits).to_json(),
        "metric": asdict(reference_scores.metric),
        "classes": list(reference_scores.class_names),
        "engines": list(engines),
        "reference": {"name": _reference_name(config["model"]), **reference},
        "dataset": {**dataset_entry(manifest, reference_scores, settings), **patches},
        "model": {
            "source": config["model"].get("network", "unet"),
            "weights": settings.model.given_weights,
            "weights_sha256": weights_sha256,
            "network": {**network.to_json(), "notes": list(notes)},
            "decoder": dict(reference_scores.decoder),
            "graphs": {str(graph): graphs[graph] for graph in Graph if graph in graphs},
        },
        "machines": [
            {
                **one,
                "recommended": _pick(
                    [engine for engine in engines if engine["machine"] == one["name"]], limits
                ).engine,
            }
            for one in machines
        ],
        "config": config,
        "rules": list(rules),
        "rule_graph": rule_graph,
        "comparison": None,
        "precision_search": precision_search,
    }
    summary: Json = as_json(values)
    if report.compare_with:
        summary["comparison"] = compare(summary, read_summary(Path(report.compare_with)))
    return summary


def _pick(engines: Sequence[Json], limits: Json) -> Choice:
    """The engine that the report recommends of these."""
    return pick_engine([Candidate.of(engine) for engine in engines], **limits)


def _reference_name(model: Json) -> str:
    """What computes the reference: PyTorch, but for a network that is a graph."""
    is_graph = model.get("network", "").lower().endswith(".onnx")
    return "unoptimised ONNX Runtime" if is_graph else "PyTorch"


def _engine(path: Path) -> str:
    """The engine's name in a path that ends with it, with or without `.json`."""
    return f"{path.parent.name}/{path.name.removesuffix('.json')}"


def write_summary(summary: Json, out_json: Path, out_csv: Path) -> None:
    """Check a summary against its schema and write it, whole and as a table."""
    check_summary(summary)
    write_json(out_json, summary)
    write_bytes(out_csv, table(summary).encode())
