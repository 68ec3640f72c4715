"""Find out what the network takes and answers."""

from pathlib import Path

from segtrt.model.contract import write_contract
from segtrt.plan.job import run

run(
    snakemake,
    lambda: write_contract(
        snakemake.params.source,
        snakemake.params.overrides,
        snakemake.params.opset,
        Path(snakemake.output.network),
    ),
)
