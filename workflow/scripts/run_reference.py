"""PyTorch's probabilities for one shard."""

from pathlib import Path

from segtrt.model.reference import run_reference
from segtrt.plan.job import run

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
