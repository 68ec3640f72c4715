"""Delete everything under results/."""

from pathlib import Path

from segtrt.plan.job import logged
from segtrt.plan.run_lock import alone
from segtrt.plan.upkeep import clean_results

with logged(snakemake.log[0]), alone(Path()) as notes:
    print("\n".join([*notes, *clean_results(Path(snakemake.params.folder))]))
