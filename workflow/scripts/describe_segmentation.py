"""Describe how engines segment: from image files to label files."""

from pathlib import Path

from segtrt.deploy.describe import describe_segmentation
from segtrt.plan.job import run

run(
    snakemake,
    lambda: describe_segmentation(
        Path(snakemake.input.manifest),
        Path(snakemake.input.network),
        Path(snakemake.output.segmentation),
        layout=snakemake.params.form.layout,
        labels=snakemake.params.form.labels,
        tensors=snakemake.params.tensors,
        decoding=snakemake.params.decoding,
        largest_component=snakemake.params.largest_component,
        code=Path(snakemake.output.code) if "code" in snakemake.output.keys() else None,  # noqa: SIM118
    ),
)
