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
        Path(snakemake.output.answers),
        decoding=snakemake.params.decoding,
        raw_bytes=snakemake.params.raw_bytes,
        threads=snakemake.threads,
        mode=snakemake.params.mode,
    ),
)
