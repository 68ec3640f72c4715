"""Judge one region of the network in one precision."""

from pathlib import Path

from segtrt.graphs.proof_file import obstacle_of
from segtrt.graphs.regions_file import read_regions
from segtrt.plan.job import run
from segtrt.precision import Graph
from segtrt.quality.blame import Evidence, blame_region
from segtrt.quality.reference_scores import read_reference_scores

files, wildcards = snakemake.input, snakemake.wildcards


def blame() -> None:
    """Judge it and write what it loses."""
    blame_region(
        Path(files.graph),
        read_regions(Path(files.regions)),
        int(wildcards.region),
        graph=Graph(wildcards.graph),
        converted=Path(files.converted) if files.converted else None,
        evidence=Evidence(
            [Path(path) for path in files.tensors],
            [Path(path) for path in files.reference],
            read_reference_scores(Path(files.reference_scores)),
        ),
        obstacle=obstacle_of(Path(files.proof)) if files.proof else "",
    ).write(Path(snakemake.output.sensitivity))


run(snakemake, blame)
