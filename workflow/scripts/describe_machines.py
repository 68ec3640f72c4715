"""Keep the machines' descriptions and tell what changed."""

from pathlib import Path

from segtrt.machine.facts import keep_descriptions
from segtrt.plan.job import logged

with logged(snakemake.log[0]):
    pairs = zip(snakemake.input, snakemake.params.kept, strict=True)
    for line in keep_descriptions([(Path(new), Path(kept)) for new, kept in pairs]):
        print(line)
