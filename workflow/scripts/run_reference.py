"""PyTorch's probabilities for one shard."""

from pathlib import Path

from segtrt.job import run
from segtrt.reference import run_reference

run(
    snakemake,
    lambda: run_reference(
        Path(snakemake.input.weights),
        snakemake.params.init_features,
        Path(snakemake.input.tensors),
        Path(snakemake.output.probabilities),
        snakemake.threads,
    ),
)
