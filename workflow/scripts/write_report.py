"""Draw the report."""

from pathlib import Path

from segtrt.plan.job import run
from segtrt.report.page import write_report

run(
    snakemake,
    lambda: write_report(
        Path(snakemake.input.summary),
        Path(snakemake.input.overlays),
        Path(snakemake.output.html),
    ),
)
