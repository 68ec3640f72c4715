"""Turn one shard's images into network input."""

from pathlib import Path

from segtrt.data.encode import encode_shard
from segtrt.model.spec import read_spec
from segtrt.plan.job import run

run(
    snakemake,
    lambda: encode_shard(
        Path(snakemake.input.manifest),
        Path(snakemake.params.root),
        Path(snakemake.output.tensors),
        tensors=snakemake.params.tensors,
        spec=read_spec(Path(snakemake.input.network)),
        labels=snakemake.params.form.labels,
    ),
)
