"""Convert the graph to another precision."""

from pathlib import Path

from segtrt.graphs.calibration import CalibrationImages, choose_slices
from segtrt.graphs.convert import convert_onnx
from segtrt.plan.job import run
from segtrt.precision import Graph

calibration = snakemake.params.calibration
wanted = Graph(snakemake.wildcards.graph)


def convert():
    images = None
    if wanted.quantised:
        shards = [Path(path) for path in snakemake.input.tensors]
        images = CalibrationImages(shards, choose_slices(shards, calibration.slices))
    convert_onnx(
        Path(snakemake.input.graph),
        wanted,
        Path(snakemake.output.graph),
        images,
        calibration.method,
    )


run(snakemake, convert)
