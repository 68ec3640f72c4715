"""Convert the graph to another precision."""

from pathlib import Path

from segtrt.graphs.calibration import CalibrationImages, choose_slices
from segtrt.graphs.convert import convert_onnx
from segtrt.plan.job import run
from segtrt.precision import Precision

calibration = snakemake.params.calibration
name = snakemake.wildcards.graph
precision = Precision(name.removesuffix("_signed"))


def convert():
    images = None
    if precision.is_quantised:
        shards = [Path(path) for path in snakemake.input.tensors]
        images = CalibrationImages(shards, choose_slices(shards, calibration.slices))
    convert_onnx(
        Path(snakemake.input.graph),
        precision,
        Path(snakemake.output.graph),
        images,
        calibration.method,
        signed=name.endswith("_signed"),
    )


run(snakemake, convert)
