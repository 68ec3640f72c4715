"""Score one rebuilt engine's labels."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.quality.rebuild_scoring import score_rebuild

files = snakemake.input
shards = zip(files.tensors, files.labels, strict=True)
run(
    snakemake,
    lambda: score_rebuild(
        Path(files.rebuild),
        [(Path(tensors), Path(labels)) for tensors, labels in shards],
        reference_scores=Path(files.reference_scores),
        metric=snakemake.params.metric,
        out_json=Path(snakemake.output.scores),
    ),
)
