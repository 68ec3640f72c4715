"""Train the network."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.training.train import TrainingSettings, train

run(
    snakemake,
    lambda: train(
        [Path(path) for path in snakemake.input.tensors],
        TrainingSettings(**snakemake.params.training, init_features=snakemake.params.init_features),
        Path(snakemake.output.weights),
        Path(snakemake.output.history),
        Path(snakemake.output.curve),
    ),
)
