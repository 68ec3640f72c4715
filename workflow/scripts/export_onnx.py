"""Export the network to ONNX."""

from pathlib import Path

from segtrt.graphs.export import export_network
from segtrt.model.unet import IMAGE_SIZE
from segtrt.model.weights import load_network
from segtrt.plan.job import run

run(
    snakemake,
    lambda: export_network(
        load_network(Path(snakemake.input.weights), snakemake.params.init_features),
        Path(snakemake.output.graph),
        opset=snakemake.params.opset,
        size=(IMAGE_SIZE, IMAGE_SIZE),
        name="unet",
    ),
)
