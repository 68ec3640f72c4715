"""Fetch the weights, check them against the network, and keep them as safetensors."""

from pathlib import Path

from segtrt.addresses import is_url
from segtrt.model.weights_source import fetch_weights
from segtrt.plan.job import run

source = str(snakemake.input.trained or snakemake.params.weights)
if is_url(source):
    # Params are kept by Snakemake, so what may be a secret is not among them.
    source = snakemake.config["model"]["weights"]
run(
    snakemake,
    lambda: fetch_weights(
        source,
        Path(snakemake.output.weights),
        sha256=snakemake.params.sha256,
        network=snakemake.params.source,
        base=Path(),
    ),
)
