"""Download the Kaggle data set, or unpack its zip."""

from pathlib import Path

from segtrt.data.kaggle_download import fetch_kaggle
from segtrt.plan.job import run

archive = snakemake.params.archive
run(
    snakemake,
    lambda: fetch_kaggle(
        Path(snakemake.params.folder),
        Path(archive) if archive else None,
        Path(snakemake.output.receipt),
    ),
)
