"""Build one engine."""

from pathlib import Path

from segtrt.engines.build import build_engine
from segtrt.engines.patch import with_patch
from segtrt.graphs.proof_file import obstacle_of
from segtrt.model.spec import read_spec
from segtrt.plan.job import run
from segtrt.plan.store import TIMING_CACHES, cache_root

cache = cache_root()


def build():
    """Build it; the reason why it cannot be, if it cannot."""
    network = read_spec(Path(snakemake.input.network))
    shards = [Path(path) for path in snakemake.input.tensors]
    return build_engine(
        snakemake.wildcards.runtime,
        with_patch(snakemake.params.settings, network, snakemake.params.size, shards),
        Path(snakemake.input.graph),
        Path(snakemake.output.engine),
        Path(snakemake.output.record),
        network=network,
        obstacle=obstacle_of(Path(snakemake.input.proof)),
        target=snakemake.params.plan["parts"]["target"],
        code=snakemake.params.plan["parts"]["code"],
        cache_dir=cache / TIMING_CACHES if cache else None,
        on_unsupported=snakemake.params.on_unsupported,
    ).reason


run(snakemake, build)
