"""Fetch the weights, check them against the network, and keep them as safetensors."""

from pathlib import Path

from segtrt.model.weights_source import fetch_weights
from segtrt.plan.job import run

model = snakemake.params.model
run(
    snakemake,
    lambda: fetch_weights(
        str(snakemake.input.trained or snakemake.params.source),
        Path(snakemake.output.weights),
        sha256=model.sha256,
        init_features=model.init_features,
        base=Path(),
    ),
)
