"""Time decoding and normalising."""

from pathlib import Path

from segtrt.data.preparation_timing import time_preparation
from segtrt.model.spec import read_spec
from segtrt.plan.job import run

run(
    snakemake,
    lambda: time_preparation(
        Path(snakemake.input.manifest),
        Path(snakemake.params.root),
        Path(snakemake.output.timing),
        machine=snakemake.params.plan["parts"]["machine"],
        tensors=snakemake.params.tensors,
        spec=read_spec(Path(snakemake.input.network)),
        labels=snakemake.params.form.labels,
    ),
)
