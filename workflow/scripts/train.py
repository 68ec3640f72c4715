"""Train the network."""

from dataclasses import asdict
from pathlib import Path

from segtrt.model.load import build
from segtrt.model.spec import read_spec
from segtrt.plan.job import run
from segtrt.training.train import TrainingSettings, train

run(
    snakemake,
    lambda: train(
        [Path(path) for path in snakemake.input.tensors],
        TrainingSettings(**asdict(snakemake.params.training)),
        lambda: build(snakemake.params.source),
        read_spec(Path(snakemake.input.network)),
        out_weights=Path(snakemake.output.weights),
        out_history=Path(snakemake.output.history),
        out_curve=Path(snakemake.output.curve),
    ),
)
