"""End with an error if something on disk is not what its job made."""

import sys
from pathlib import Path

from segtrt.errors import SegtrtError
from segtrt.plan.job import logged
from segtrt.plan.verify import verify

with logged(snakemake.log[0]):
    lines = verify(Path(), temporary=snakemake.params.temporary, prefix=snakemake.params.prefix)
    if lines:
        print("\n".join(lines), file=sys.stderr, flush=True)
        raise SegtrtError(f"{len(lines)} artefacts are not as their jobs made them; see above")
    print("every artefact is as its job made it")
