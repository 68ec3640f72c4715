"""Run one engine on one shard."""

from pathlib import Path

from segtrt.engines.run import run_engine
from segtrt.plan.job import run

run(
    snakemake,
    lambda: run_engine(
        Path(snakemake.input.engine),
        Path(snakemake.input.record),
        Path(snakemake.input.tensors),
        Path(snakemake.output.probabilities),
        threads=snakemake.threads,
        mode=snakemake.params.mode,
    ),
)
