"""Convert the graph to another precision, for regions to be taken from."""

from pathlib import Path

from segtrt.graphs.calibration import CalibrationImages, choose_slices
from segtrt.graphs.conversion import convert_and_record
from segtrt.plan.job import run
from segtrt.precision import Graph

calibration = snakemake.params.calibration
wanted = Graph(snakemake.wildcards.graph)


def convert():
    shards = [Path(path) for path in snakemake.input.tensors]
    images = CalibrationImages(shards, choose_slices(shards, calibration.slices))
    return convert_and_record(
        Path(snakemake.input.graph),
        wanted,
        Path(snakemake.output.graph),
        Path(snakemake.output.proof),
        images,
        method=calibration.method,
        on_unsupported="skip",
        refuse_wrong=False,
    )


run(snakemake, convert)
