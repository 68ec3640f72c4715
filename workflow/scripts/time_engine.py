"""Time one engine."""

from pathlib import Path

from segtrt.engines.time import time_engine
from segtrt.plan.job import run

inference = snakemake.params.inference
run(
    snakemake,
    lambda: time_engine(
        Path(snakemake.input.engine),
        Path(snakemake.input.record),
        [Path(path) for path in snakemake.input.tensors],
        Path(snakemake.output.timing),
        budget=inference.budget,
        threads=snakemake.threads,
        mode=inference.mode,
    ),
)
