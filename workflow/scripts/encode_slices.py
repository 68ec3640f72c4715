"""Turn one shard's images into network input."""

from pathlib import Path

from segtrt.job import run
from segtrt.tensors import encode_shard

run(
    snakemake,
    lambda: encode_shard(
        Path(snakemake.input.manifest),
        Path(snakemake.params.root),
        Path(snakemake.output.tensors),
        snakemake.params.normalisation,
    ),
)
