"""Turn one shard's images into network input."""

from pathlib import Path

from segtrt.data.encode import encode_shard
from segtrt.model.network_file import spec_of
from segtrt.plan.job import run

run(
    snakemake,
    lambda: encode_shard(
        Path(snakemake.input.manifest),
        Path(snakemake.params.root),
        Path(snakemake.output.tensors),
        tensors=snakemake.params.tensors,
        spec=spec_of(snakemake.input.get("network")),
        labels=snakemake.params.form.labels,
    ),
)
