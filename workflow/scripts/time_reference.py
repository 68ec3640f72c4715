"""The network's own times."""

from pathlib import Path

from segtrt.model.inference import files_of
from segtrt.model.reference_timing import time_reference
from segtrt.model.spec import read_spec
from segtrt.plan.job import run

inputs, params = snakemake.input, snakemake.params
run(
    snakemake,
    lambda: time_reference(
        files_of(params.source, inputs, params.output),
        read_spec(Path(inputs.network)),
        [Path(path) for path in inputs.tensors],
        Path(snakemake.output.timing),
        machine=params.plan["parts"]["machine"],
        batch_sizes=params.batch_sizes,
        budget=params.budget,
        decoding=params.decoding,
        compiled=params.compiled,
        threads=snakemake.threads,
    ),
)
