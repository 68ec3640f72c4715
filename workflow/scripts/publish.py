"""Publish the run to MLflow."""

from dataclasses import replace
from pathlib import Path

from segtrt.plan.job import run
from segtrt.publish.publish import PublishSources, publish

inputs, settings = snakemake.input, snakemake.params.settings
if settings.tracking_uri is not None:
    # Params are kept by Snakemake, so what may be a secret is not among them.
    settings = replace(settings, tracking_uri=snakemake.config["publish"]["tracking_uri"])


def note():
    engines = zip(inputs.engines, inputs.records, strict=True)
    sources = PublishSources(
        summary=Path(inputs.summary),
        table=Path(inputs.table),
        report=Path(inputs.report),
        engines=[(Path(engine), Path(record)) for engine, record in engines],
    )
    print(publish(sources, settings, Path(snakemake.output[0])))


run(snakemake, note)
