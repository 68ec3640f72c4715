"""Export the network to ONNX."""

from pathlib import Path

from segtrt.job import run
from segtrt.onnx_export import export_onnx

run(
    snakemake,
    lambda: export_onnx(
        Path(snakemake.input.weights),
        snakemake.params.init_features,
        snakemake.params.opset,
        Path(snakemake.output.graph),
    ),
)
