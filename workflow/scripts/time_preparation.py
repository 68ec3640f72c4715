"""Time decoding and normalising."""

from pathlib import Path

from segtrt.job import run
from segtrt.preparation import time_preparation

run(
    snakemake,
    lambda: time_preparation(
        Path(snakemake.input.manifest),
        Path(snakemake.params.root),
        Path(snakemake.output.timing),
        machine=snakemake.params.plan["parts"]["machine"],
        normalisation=snakemake.params.normalisation,
    ),
)
