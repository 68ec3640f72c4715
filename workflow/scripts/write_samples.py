"""Write sample inputs, and the network's own outputs for them, as ONNX tensors."""

from pathlib import Path

from segtrt.graphs.sample_inputs import write_sample_inputs
from segtrt.graphs.samples import write_sample_outputs
from segtrt.model.inference import files_of
from segtrt.model.reference import predict
from segtrt.model.spec import read_spec
from segtrt.plan.job import run

inputs, params = snakemake.input, snakemake.params
folder = Path(snakemake.output.inputs[0]).parents[1]


def write():
    count = write_sample_inputs([Path(path) for path in inputs.tensors], params.samples, folder)
    network = files_of(params.source, inputs, params.output)
    spec = read_spec(Path(inputs.network))
    write_sample_outputs(folder, count, lambda images: predict(network, spec, images))


run(snakemake, write)
