"""Making a package: an engine with all that it takes to use it, and to prove it elsewhere."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segtrt.config.package import PackageSettings
from segtrt.data.own_code import CODE
from segtrt.deploy.segmentation import FILE as SEGMENTATION
from segtrt.deploy.segmentation import Segmentation, read_segmentation
from segtrt.engines.load import check_engine, open_engine
from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError
from segtrt.files import replacing_folder
from segtrt.graphs.samples import read_sample_input, read_sample_output
from segtrt.package import golden, manifest
from segtrt.package.archive import write_zip
from segtrt.package.card import FILE as CARD
from segtrt.package.card import CardFacts, write_card
from segtrt.package.checksums import write_checksums
from segtrt.package.choice import choose_engine
from segtrt.package.licences import copy_licences
from segtrt.package.manifest import ENGINE, RECORD, Manifest
from segtrt.package.requirements import FILE as REQUIREMENTS
from segtrt.package.requirements import library_version, requirements_of, requirements_of_code
from segtrt.package.served import read_graph
from segtrt.package.views import write_views
from segtrt.quality.decode import Decoder
from segtrt.quality.sample_limits import SampleLimits
from segtrt.runtimes.registry import get_runtime
from segtrt.summary.document import read_summary
from segtrt.user_function import names_function

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackageSources:
    """What a package is made from."""

    summary: Path
    report: Path
    segmentation: Path
    """With the user's own normalisation beside it, if it has one (`segtrt.data.own_code`)."""
    samples: Sequence[tuple[Path, Path]]
    """`input_0.pb` and `output_0.pb` of each sample."""
    engines: Sequence[tuple[Path, Path]]
    """`engine.bin` and `engine.json` of every engine that may be chosen."""
    graphs: Mapping[str, Path]
    """Graph -> its file; a mix is `place/graph`."""


def make_package(
    sources: PackageSources, settings: PackageSettings, out: Path, archive: Path
) -> None:
    """Make the package's folder and its zip.

    From the same files the zip has the same bytes. Where the engine runs on the CPU of this
    machine, its golden samples are run, so that no package leaves that would not be verified.

    Args:
        sources: what it is made from.
        settings: name, engine, licences and views.
        out: the folder.
        archive: the zip.

    Raises:
        SegtrtError: no engine may be packaged, a file cannot be read, or the engine answers the
            golden samples in another way than its precision allows.
    """
    summary = read_summary(sources.summary)
    entry = choose_engine(summary, settings.engine)
    engine, record = _engine_of(entry["name"], sources.engines)
    check_engine(engine, record)
    segmentation = read_segmentation(sources.segmentation)
    samples = _read_samples(sources.samples, record, segmentation.decoder)
    code = sources.segmentation.parent / CODE if segmentation.code_sha256 else None
    says = _describe(settings.name, summary, entry, record, len(samples))
    needed = dict.fromkeys([*says.requirements, *requirements_of_code(code)])
    says = replace(says, requirements=list(needed))
    _try_out(engine, record, samples, segmentation.decoder, says.limits)
    graph_file = sources.graphs[_graph_of(entry["name"], record)]
    with replacing_folder(out) as folder:
        (folder / ENGINE).parent.mkdir()
        shutil.copyfile(engine, folder / ENGINE)
        record.write(folder / RECORD)
        segmentation.write(folder / SEGMENTATION)
        if code:
            (folder / CODE).parent.mkdir()
            shutil.copyfile(code, folder / CODE)
        golden.write_golden(samples, folder / golden.FOLDER)
        shutil.copyfile(sources.report, folder / "report.html")
        (folder / REQUIREMENTS).write_text("\n".join([*says.requirements, ""]))
        says.write(folder / manifest.FILE)
        licences = copy_licences(settings.licences, settings.notices, folder)
        views = write_views(
            folder,
            settings.name,
            settings.views,
            engine=engine,
            graph_file=graph_file,
            graph=read_graph(graph_file),
            record=record,
            segmentation=segmentation,
            image=samples[0].image,
        )
        card = write_card(
            says,
            _card_facts(
                summary,
                record,
                segmentation,
                views=views,
                licence=settings.licence,
                licences=licences,
            ),
        )
        (folder / CARD).write_text(card, encoding="utf-8")
        write_checksums(folder)
        write_zip(folder, archive)
    logger.info("%s packaged as %s", entry["name"], settings.name)


def _engine_of(name: str, engines: Sequence[tuple[Path, Path]]) -> tuple[Path, EngineRecord]:
    """The file and record of an engine; engines lie in `{runtime}/b{batch}_{precision}`."""
    for engine, record in engines:
        if "/".join(engine.parts[-3:-1]) == name:
            return engine, read_record(record)
    raise SegtrtError(f"engine {name} is not among those that were built; run the workflow again")


def _graph_of(name: str, record: EngineRecord) -> str:
    """What an engine's graph is called: mixes are made for each runtime and machine."""
    place = f"{name.partition('/')[0]}/" if record.settings.precision.is_mix else ""
    return f"{place}{record.graph}"


def _read_samples(
    samples: Sequence[tuple[Path, Path]], record: EngineRecord, decoder: Decoder
) -> list[golden.Golden]:
    """The first samples that the workflow wrote, with the labels of the outputs expected."""
    read = []
    for given, expected in samples[: golden.SAMPLES]:
        image = read_sample_input(given, record.settings.patch)
        output = read_sample_output(expected, record.settings.output)
        for path, array in ((given, image), (expected, output)):
            if not np.isfinite(array).all():
                raise SegtrtError(
                    f"{path} has values that are not finite, so it is no golden sample; choose "
                    "others with tensors.samples"
                )
        read.append(golden.Golden(image, output, decoder.labels(output[0], str(expected))))
    return read


def _describe(
    name: str,
    summary: Mapping[str, Any],
    entry: Mapping[str, Any],
    record: EngineRecord,
    samples: int,
) -> Manifest:
    """What `package.json` says of the chosen engine."""
    timing, quality, errors = entry["timing"], entry["quality"] or {}, entry["errors"]
    interval = quality.get("loss_interval")
    precision = str(record.settings.precision.judged_as)
    tolerance = summary["config"]["validation"]["tolerances"][precision]
    target = record.target
    return Manifest(
        name=name,
        engine=entry["name"],
        recommended=entry["name"] == summary["recommendation"]["engine"],
        verdict=entry["verdict"],
        reference=summary["reference"]["name"],
        quality=manifest.Quality(
            metric=summary["metric"]["title"],
            unit=summary["metric"]["unit"],
            mean=quality.get("mean"),
            reference_mean=quality.get("reference_mean"),
            loss=quality.get("loss"),
            interval=None if interval is None else [interval["low"], interval["high"]],
            flipped_fraction=errors["flipped_fraction"],
            relative_rms=errors["relative_rms"],
            subjects=summary["dataset"]["evaluation_subjects"],
            patches=entry["patches"],
        ),
        proven=manifest.Proven(
            latency_ms=timing["total"]["median"],
            images_per_second=timing["images_per_second"],
            mode=entry["mode"],
            threads=entry["threads"],
            speedup=entry["speedup"],
            speedup_over=entry["speedup_over"],
            device=str(target.get("gpu") or target.get("cpu") or "this machine"),
            stable=timing["stable"],
        ),
        limits=SampleLimits.of(tolerance),
        samples=samples,
        requirements=requirements_of(record.runtime, target),
        library=library_version(),
        cells=[
            manifest.Cell(one["name"], one["runtime"], one["verdict"], dict(one["target"]))
            for one in summary["engines"]
        ],
    )


def _try_out(
    engine: Path,
    record: EngineRecord,
    samples: Sequence[golden.Golden],
    decoder: Decoder,
    limits: SampleLimits,
) -> None:
    """Run the golden samples, if the engine is for the CPU of this machine.

    Raises:
        SegtrtError: the answers break the limits.
    """
    runtime = get_runtime(record.runtime)
    if (
        runtime.device != "cpu"
        or not runtime.availability().can_run
        or runtime.mismatch(record.target)
    ):
        logger.info("%s is not for this machine's CPU: golden samples were not run", record.name)
        return
    with open_engine(engine, record) as session:
        broken = limits.broken(golden.compare(session, samples, decoder).errors)
    if broken:
        raise SegtrtError(
            f"{record.name} answers the samples with {'; '.join(broken)}, so its package could "
            "not be verified; choose samples with something to find (tensors.samples), or another "
            "engine (package.engine)"
        )


def _card_facts(
    summary: Mapping[str, Any],
    record: EngineRecord,
    segmentation: Segmentation,
    *,
    views: Mapping[str, str],
    licence: str | None,
    licences: Sequence[str],
) -> CardFacts:
    settings, labels = record.settings, segmentation.labels
    normalisation = segmentation.preparation.intensity.normalisation
    batch = f"batches of {settings.batch_size}"
    if settings.profile == "dynamic":
        batch = f"batches of {settings.dynamic_min} to {settings.dynamic_max}"
    return CardFacts(
        title=get_runtime(record.runtime).title,
        precision=str(settings.precision),
        batch=batch,
        patch=settings.patch,
        labels=dict(zip(labels.values, labels.names, strict=True)),
        normalisation=normalisation if names_function(normalisation) else "",
        dataset=summary["dataset"]["source"],
        metric=summary["metric"]["name"],
        target=record.target,
        licence=licence,
        licences=licences,
        views=views,
    )
