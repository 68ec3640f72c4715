"""Empty the store."""

from segtrt.job import logged
from segtrt.store import default_store
from segtrt.upkeep import clean_cache

with logged(snakemake.log[0]):
    print("\n".join(clean_cache(default_store())))
