"""Build one engine."""

from pathlib import Path

from segtrt.engines.build import build_engine
from segtrt.plan.job import run
from segtrt.plan.store import TIMING_CACHES, cache_root

cache = cache_root()

run(
    snakemake,
    lambda: (
        build_engine(
            snakemake.wildcards.runtime,
            snakemake.params.settings,
            Path(snakemake.input.graph),
            Path(snakemake.output.engine),
            Path(snakemake.output.record),
            target=snakemake.params.plan["parts"]["target"],
            code=snakemake.params.plan["parts"]["code"],
            cache_dir=cache / TIMING_CACHES if cache else None,
            on_unsupported=snakemake.params.on_unsupported,
        ).reason
    ),
)
