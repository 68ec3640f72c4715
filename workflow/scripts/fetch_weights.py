"""Fetch the weights, check them against the network, and keep them as safetensors."""

from pathlib import Path

from segtrt.model.weights_source import fetch_weights
from segtrt.plan.job import run

run(
    snakemake,
    lambda: fetch_weights(
        str(snakemake.input.trained or snakemake.params.weights),
        Path(snakemake.output.weights),
        sha256=snakemake.params.sha256,
        network=snakemake.params.source,
        base=Path(),
    ),
)
