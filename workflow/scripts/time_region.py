"""Time one region of the network, or all of them, in one precision against float32."""

from pathlib import Path

from segtrt.engines.gain import Builder, Stopwatch, time_region
from segtrt.engines.patch import with_patch
from segtrt.graphs.proof_file import obstacle_of
from segtrt.graphs.regions_file import read_regions
from segtrt.model.spec import read_spec
from segtrt.plan.job import run
from segtrt.plan.store import TIMING_CACHES, cache_root
from segtrt.precision import Graph

files, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
cache = cache_root()


def time() -> None:
    """Time it and write what it gains."""
    network = read_spec(Path(files.network))
    shards = [Path(path) for path in files.tensors]
    time_region(
        Path(files.graph),
        read_regions(Path(files.regions)),
        None if wildcards.part == "whole" else int(wildcards.part),
        graph=Graph(wildcards.graph),
        converted=Path(files.converted),
        obstacle=obstacle_of(Path(files.proof)),
        builder=Builder(
            wildcards.runtime,
            with_patch(params.settings, network, params.size, shards),
            network,
            target=params.plan["parts"]["target"],
            code=params.plan["parts"]["code"],
            cache_dir=cache / TIMING_CACHES if cache else None,
        ),
        stopwatch=Stopwatch(
            shards, params.inference.budget, snakemake.threads, params.inference.mode
        ),
    ).write(Path(snakemake.output.gain))


run(snakemake, time)
