"""End with an error if an engine failed or the reference finds nothing."""

from pathlib import Path

from segtrt.errors import SegtrtError
from segtrt.plan.job import logged
from segtrt.plan.verify import verify_files
from segtrt.quality.check import check
from segtrt.quality.reference_scores import read_reference_scores

with logged(snakemake.log[0]):
    paths = [Path(path) for path in snakemake.input.validations]
    scores = Path(snakemake.input.reference_scores)
    if damaged := verify_files(Path(), [scores, *paths], snakemake.params.prefix):
        raise SegtrtError("; ".join(damaged))
    faults = []
    reference = read_reference_scores(scores)
    if doubt := reference.doubt(snakemake.params.min_reference):
        faults.append(doubt)
    if failures := check(paths):
        faults.append(f"{len(failures)} of {len(paths)} engines failed: {'; '.join(failures)}")
    if faults:
        raise SegtrtError("; ".join(faults))
    print(f"all {len(paths)} engines that were run passed or were skipped with a reason")
