"""Train the network."""

from dataclasses import asdict
from pathlib import Path

from segtrt.plan.job import run
from segtrt.training.train import TrainingSettings, train

features = snakemake.params.init_features
run(
    snakemake,
    lambda: train(
        [Path(path) for path in snakemake.input.tensors],
        TrainingSettings(**asdict(snakemake.params.training), init_features=features),
        Path(snakemake.output.weights),
        Path(snakemake.output.history),
        Path(snakemake.output.curve),
    ),
)
