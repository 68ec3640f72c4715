"""Download the Kaggle data set, or unpack its zip."""

from pathlib import Path

from segtrt.job import run
from segtrt.kaggle_download import fetch_kaggle

archive = snakemake.params.archive
run(
    snakemake,
    lambda: fetch_kaggle(Path(snakemake.output[0]), Path(archive) if archive else None),
)
