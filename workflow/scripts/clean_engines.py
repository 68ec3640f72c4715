"""Delete every engine."""

from pathlib import Path

from segtrt.plan.job import logged
from segtrt.plan.run_lock import alone
from segtrt.plan.store import default_store
from segtrt.plan.upkeep import clean_engines

folder = Path(snakemake.params.folder)

with logged(snakemake.log[0]), alone(Path()) as notes:
    print("\n".join([*notes, *clean_engines(folder, default_store(), snakemake.params.records)]))
