"""Score one engine's masks and write them."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.quality.scores import score_engine

run(
    snakemake,
    lambda: score_engine(
        Path(snakemake.input.record),
        tensor_shards=[Path(path) for path in snakemake.input.tensors],
        reference_shards=[Path(path) for path in snakemake.input.reference],
        probability_shards=[Path(path) for path in snakemake.input.probabilities],
        out_json=Path(snakemake.output.scores),
        predictions_dir=Path(snakemake.output.predictions),
        threshold=snakemake.params.threshold,
        largest_component=snakemake.params.largest_component,
    ),
)
