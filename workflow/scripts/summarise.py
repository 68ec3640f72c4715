"""Put every figure of the report into one file."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.plan.rule_graph import draw_svg
from segtrt.summary.summarise import summarise


def paths(group):
    return [Path(path) for path in group]


run(
    snakemake,
    lambda: summarise(
        settings=snakemake.params.settings,
        manifest=Path(snakemake.input.manifest),
        weights=Path(snakemake.input.weights),
        tensor_shards=paths(snakemake.input.tensors),
        reference_shards=paths(snakemake.input.reference),
        machines=snakemake.params.machines,
        reference_timings=paths(snakemake.input.reference_timings),
        preparations=paths(snakemake.input.preparations),
        records=paths(snakemake.input.records),
        timings=paths(snakemake.input.timings),
        scores=paths(snakemake.input.scores),
        validations=paths(snakemake.input.validations),
        left_out=snakemake.params.left_out,
        not_run=snakemake.params.not_run,
        benchmarks_dir=Path(snakemake.params.benchmarks),
        rule_graph=draw_svg(snakemake.params.edges),
        out_json=Path(snakemake.output.summary),
        out_csv=Path(snakemake.output.table),
        overlays_dir=Path(snakemake.output.overlays),
    ),
)
