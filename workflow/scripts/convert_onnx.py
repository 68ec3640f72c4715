"""Convert the graph to another precision."""

from pathlib import Path

from segtrt.graphs.calibration import CalibrationImages, choose_slices
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.converters import precision_of
from segtrt.plan.job import run

calibration = snakemake.params.calibration
kind = snakemake.wildcards.graph


def convert():
    images = None
    if precision_of(kind).is_quantised:
        shards = [Path(path) for path in snakemake.input.tensors]
        images = CalibrationImages(shards, choose_slices(shards, calibration["slices"]))
    convert_onnx(
        Path(snakemake.input.graph),
        kind,
        Path(snakemake.output.graph),
        images,
        calibration["method"],
    )


run(snakemake, convert)
