"""PyTorch's own times."""

from pathlib import Path

from segtrt.model.reference_timing import time_reference
from segtrt.plan.job import run

inference = snakemake.params.inference
run(
    snakemake,
    lambda: time_reference(
        Path(snakemake.input.weights),
        snakemake.params.init_features,
        [Path(path) for path in snakemake.input.tensors],
        Path(snakemake.output.timing),
        machine=snakemake.params.plan["parts"]["machine"],
        batch_sizes=snakemake.params.batch_sizes,
        iterations=inference["iterations"],
        max_seconds=inference["max_seconds"],
        warmup_max_seconds=inference["warmup_max_seconds"],
        threads=snakemake.threads,
    ),
)
