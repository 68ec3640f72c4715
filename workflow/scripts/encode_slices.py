"""Turn one shard's images into network input."""

from pathlib import Path

from segtrt.data.tensors import encode_shard
from segtrt.plan.job import run

run(
    snakemake,
    lambda: encode_shard(
        Path(snakemake.input.manifest),
        Path(snakemake.params.root),
        Path(snakemake.output.tensors),
        snakemake.params.normalisation,
    ),
)
