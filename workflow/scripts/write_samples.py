"""Write sample inputs, and PyTorch's outputs for them, as ONNX tensors."""

from pathlib import Path

from segtrt.graphs.sample_inputs import write_sample_inputs
from segtrt.graphs.samples import write_sample_outputs
from segtrt.model.reference import predict
from segtrt.plan.job import run

weights = Path(snakemake.input.weights)
folder = Path(snakemake.output.inputs[0]).parents[1]


def write():
    count = write_sample_inputs(
        [Path(path) for path in snakemake.input.tensors], snakemake.params.samples, folder
    )
    write_sample_outputs(
        folder,
        count,
        lambda images: predict(weights, snakemake.params.init_features, images),
    )


run(snakemake, write)
