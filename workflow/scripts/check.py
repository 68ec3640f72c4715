"""End with an error if an engine failed."""

from pathlib import Path

from segtrt.errors import SegtrtError
from segtrt.plan.job import logged
from segtrt.plan.verify import verify_files
from segtrt.quality.check import check

with logged(snakemake.log[0]):
    paths = [Path(path) for path in snakemake.input.validations]
    if damaged := verify_files(Path(), paths, snakemake.params.prefix):
        raise SegtrtError("; ".join(damaged))
    failures = check(paths)
    if failures:
        raise SegtrtError(f"{len(failures)} of {len(paths)} engines failed: {'; '.join(failures)}")
    print(f"all {len(paths)} engines that were run passed or were skipped with a reason")
