"""Fetch the weights, check them against the network, and keep them as safetensors."""

from pathlib import Path

from segtrt.job import run
from segtrt.weights_source import fetch_weights

model = snakemake.params.model
run(
    snakemake,
    lambda: fetch_weights(
        str(snakemake.input.source or model["weights"]),
        Path(snakemake.output.weights),
        sha256=model["sha256"],
        init_features=model["init_features"],
        base=Path(),
    ),
)
