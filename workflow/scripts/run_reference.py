"""The network's own answers on one shard."""

from pathlib import Path

from segtrt.model.inference import files_of
from segtrt.model.reference import run_reference
from segtrt.model.spec import read_spec
from segtrt.plan.job import run

inputs, params = snakemake.input, snakemake.params
run(
    snakemake,
    lambda: run_reference(
        files_of(params.source, inputs, params.output),
        read_spec(Path(inputs.network)),
        Path(inputs.tensors),
        Path(snakemake.output.answers),
        decoding=params.decoding,
        raw_bytes=params.raw_bytes,
        threads=snakemake.threads,
    ),
)
