"""Describe the machine that this job runs on."""

from pathlib import Path

from segtrt.files import write_json
from segtrt.machine.facts import this_machine
from segtrt.plan.job import logged

with logged(snakemake.log[0]):
    write_json(Path(snakemake.output[0]), this_machine().to_json())
