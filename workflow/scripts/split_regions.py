"""Cut the network into regions."""

from pathlib import Path

from segtrt.graphs.clean import read_graph
from segtrt.graphs.regions import split_into_regions
from segtrt.graphs.regions_file import write_regions
from segtrt.plan.job import run

most = snakemake.params.most


def split() -> None:
    """Cut the float32 graph and write the regions."""
    model = read_graph(Path(snakemake.input.graph))
    write_regions(Path(snakemake.output.regions), split_into_regions(model, most), most)


run(snakemake, split)
