"""Make the package: the engine to deploy, with its proof."""

from pathlib import Path

from segtrt.package.make import PackageSources, make_package
from segtrt.plan.job import run
from segtrt.precision import Graph

inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params


def pairs(first, second):
    return [(Path(one), Path(other)) for one, other in zip(first, second, strict=True)]


def graph_name(path):
    """What a graph is called, after its folders: mixes lie in one for each runtime and machine."""
    *_, place, graph, _ = path.parts
    return f"{place}/{graph}" if Graph(graph).budget is not None else graph


run(
    snakemake,
    lambda: make_package(
        PackageSources(
            summary=Path(inputs.summary),
            report=Path(inputs.report),
            segmentation=Path(inputs.segmentation),
            samples=pairs(inputs.samples, inputs.expected),
            engines=pairs(inputs.engines, inputs.records),
            graphs={graph_name(Path(path)): Path(path) for path in inputs.graphs},
        ),
        params.settings,
        Path(outputs.folder),
        Path(outputs.archive),
    ),
)
