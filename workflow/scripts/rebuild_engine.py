"""Build one engine once more and compare it with the one that was proven."""

from pathlib import Path

from segtrt.engines.rebuild import Conditions, EngineFile, rebuild_engine
from segtrt.plan.job import run

files, outputs, params = snakemake.input, snakemake.output, snakemake.params
run(
    snakemake,
    lambda: rebuild_engine(
        EngineFile(Path(files.engine), Path(files.record)),
        Path(files.graph),
        [Path(path) for path in files.tensors],
        Path(outputs.rebuild),
        [Path(path) for path in outputs.labels],
        target=params.plan["parts"]["target"],
        code=params.plan["parts"]["code"],
        conditions=Conditions(
            decoding=params.decoding,
            raw_bytes=params.raw_bytes,
            budget=params.inference.budget,
            threads=snakemake.threads,
            mode=params.inference.mode,
        ),
    ),
)
