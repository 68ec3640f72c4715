"""Score the reference's own labels, once for all engines."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.quality.reference_scoring import score_reference

run(
    snakemake,
    lambda: score_reference(
        tensor_shards=[Path(path) for path in snakemake.input.tensors],
        reference_shards=[Path(path) for path in snakemake.input.reference],
        out_json=Path(snakemake.output.scores),
        metric=snakemake.params.metric,
        largest_component=snakemake.params.largest_component,
    ),
)
