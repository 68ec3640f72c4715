"""Score one engine's labels and write its masks."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.quality.scoring import ShardPaths, score_engine

files = snakemake.input
shards = zip(files.tensors, files.reference, files.answers, strict=True)
run(
    snakemake,
    lambda: score_engine(
        Path(files.record),
        reference_scores=Path(files.reference_scores),
        shards=[ShardPaths(*map(Path, paths)) for paths in shards],
        root=Path(snakemake.params.root),
        metric=snakemake.params.metric,
        out_json=Path(snakemake.output.scores),
        predictions_dir=Path(snakemake.output.predictions),
    ),
)
