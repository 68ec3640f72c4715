"""Write down what is out of date."""

from pathlib import Path

from segtrt.files import write_bytes
from segtrt.plan.job import logged

with logged(snakemake.log[0]):
    write_bytes(Path(snakemake.output[0]), (snakemake.params.reasons + "\n").encode())
