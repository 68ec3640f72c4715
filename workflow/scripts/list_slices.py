"""List the data set's slices."""

from pathlib import Path

from segtrt.data.manifest import write_manifest
from segtrt.plan.job import run

settings = snakemake.params.dataset
run(
    snakemake,
    lambda: write_manifest(
        Path(snakemake.params.root),
        manifest_path=Path(snakemake.output.manifest),
        shard_paths=[Path(path) for path in snakemake.output.shards],
        subjects=settings.subjects,
        calibration_fraction=settings.calibration_fraction,
        seed=settings.seed,
        on_bad_subject=settings.on_bad_subject,
    ),
)
