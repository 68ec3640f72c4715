"""List the data set's items."""

from pathlib import Path

from segtrt.data.fetched_folder import check_fetched
from segtrt.data.make_manifest import write_manifest
from segtrt.plan.job import run

settings = snakemake.params.dataset


def list_slices() -> None:
    """Check what was fetched, if anything was, and list it."""
    root = Path(snakemake.params.root)
    if snakemake.params.receipt:
        check_fetched(root, Path(snakemake.params.receipt))
    write_manifest(
        root,
        snakemake.params.form,
        snakemake.params.demands,
        manifest_path=Path(snakemake.output.manifest),
        shard_paths=[Path(path) for path in snakemake.output.shards],
        subjects=settings.subjects,
        calibration_fraction=settings.calibration_fraction,
        seed=settings.seed,
        on_bad_subject=settings.on_bad_subject,
        search_fraction=settings.search_fraction,
    )


run(snakemake, list_slices)
