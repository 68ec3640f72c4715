"""Export the network to ONNX."""

from pathlib import Path

from segtrt.graphs.export import export_onnx
from segtrt.plan.job import run

run(
    snakemake,
    lambda: export_onnx(
        Path(snakemake.input.weights),
        snakemake.params.init_features,
        snakemake.params.opset,
        Path(snakemake.output.graph),
    ),
)
