"""Delete every engine."""

from pathlib import Path

from segtrt.plan.job import logged
from segtrt.plan.store import default_store
from segtrt.plan.upkeep import clean_engines

with logged(snakemake.log[0]):
    print("\n".join(clean_engines(Path(), default_store(), snakemake.params.records)))
