"""Put every figure of the report into one file."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.plan.rule_graph import draw_svg
from segtrt.summary.rebuilds import RebuildFiles
from segtrt.summary.regions import RegionFiles
from segtrt.summary.summarise import (
    Asked,
    DataFiles,
    EngineFiles,
    Outputs,
    ReferenceFiles,
    summarise,
)

inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params


def paths(group):
    return [Path(path) for path in group]


run(
    snakemake,
    lambda: summarise(
        params.settings,
        Asked(params.machines, params.left_out, params.not_run),
        DataFiles(
            manifest=Path(inputs.manifest),
            network=Path(inputs.network),
            weights=Path(inputs.weights) if inputs.weights else None,
            tensors=paths(inputs.tensors),
        ),
        ReferenceFiles(
            Path(inputs.reference_scores),
            *map(paths, (inputs.reference, inputs.reference_timings, inputs.preparations)),
        ),
        EngineFiles(
            *map(paths, (inputs.records, inputs.timings, inputs.scores, inputs.validations))
        ),
        outputs=Outputs(Path(outputs.summary), Path(outputs.table), Path(outputs.overlays)),
        benchmarks_dir=Path(params.benchmarks),
        rule_graph=draw_svg(params.edges),
        search=RegionFiles(*map(paths, (inputs.regions, inputs.sensitivities, inputs.mixes))),
        rebuilds=RebuildFiles(paths(inputs.rebuilds), paths(inputs.rebuild_scores)),
    ),
)
