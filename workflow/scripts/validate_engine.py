"""Judge one engine."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.quality.judging import validate_engine

run(
    snakemake,
    lambda: validate_engine(
        Path(snakemake.input.record),
        Path(snakemake.input.scores),
        Path(snakemake.output.validation),
        tolerance=snakemake.params.tolerance,
        confident=snakemake.params.confident,
    ),
)
