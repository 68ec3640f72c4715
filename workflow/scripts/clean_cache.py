"""Empty the store and delete timing caches."""

from segtrt.plan.job import logged
from segtrt.plan.store import cache_root, default_store
from segtrt.plan.upkeep import clean_cache

with logged(snakemake.log[0]):
    print("\n".join(clean_cache(cache_root(), default_store())))
