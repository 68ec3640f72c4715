"""PyTorch's own times."""

from pathlib import Path

from segtrt.model.reference_timing import time_reference
from segtrt.plan.job import run

run(
    snakemake,
    lambda: time_reference(
        Path(snakemake.input.weights),
        snakemake.params.init_features,
        [Path(path) for path in snakemake.input.tensors],
        Path(snakemake.output.timing),
        machine=snakemake.params.plan["parts"]["machine"],
        batch_sizes=snakemake.params.batch_sizes,
        budget=snakemake.params.budget,
        threads=snakemake.threads,
    ),
)
