"""Write down what is out of date, in place of what earlier runs wrote."""

from pathlib import Path

from segtrt.files import write_bytes
from segtrt.plan.job import logged

with logged(snakemake.log[0]):
    output = Path(snakemake.output[0])
    for earlier in output.parent.glob("*.txt"):
        earlier.unlink()
    write_bytes(output, (snakemake.params.reasons + "\n").encode())
