"""Delete every engine."""

from pathlib import Path

from segtrt.plan.job import logged
from segtrt.plan.run_lock import alone
from segtrt.plan.store import default_store
from segtrt.plan.upkeep import clean_engines

with logged(snakemake.log[0]), alone(Path()) as notes:
    print("\n".join([*notes, *clean_engines(Path(), default_store(), snakemake.params.records)]))
