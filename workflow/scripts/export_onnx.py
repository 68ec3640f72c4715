"""Export the network to ONNX."""

from pathlib import Path

from segtrt.graphs.source_graph import export_source
from segtrt.plan.job import run

run(
    snakemake,
    lambda: export_source(
        snakemake.params.source,
        Path(snakemake.input.weights) if snakemake.input.weights else None,
        Path(snakemake.output.graph),
        Path(snakemake.output.proof),
        overrides=snakemake.params.overrides,
        opset=snakemake.params.opset,
    ),
)
