"""Choose the regions that a mix lowers, and make its graph."""

from pathlib import Path

from segtrt.engines.gain_file import read_gain
from segtrt.graphs.calibration import CalibrationImages, choose_slices
from segtrt.graphs.mixed_graph import make_and_record, make_mixed_graph
from segtrt.graphs.regions_file import read_regions
from segtrt.plan.job import run
from segtrt.precision import Graph, Precision
from segtrt.quality.mix_plan import plan_mix
from segtrt.quality.sensitivity import read_sensitivity

files, outputs, params = snakemake.input, snakemake.output, snakemake.params


def make():
    """Write the plan, the graph and its proof; the reason why there is no graph, if so."""
    plan = plan_mix(
        Precision(snakemake.wildcards.mix),
        snakemake.wildcards.runtime,
        [read_gain(Path(path)) for path in files.gains],
        [read_sensitivity(Path(path)) for path in files.sensitivities],
        budget=params.budget,
        batch_size=params.batch_size,
    )
    plan.write(Path(outputs.mix))
    images = None
    if files.tensors:
        shards = [Path(path) for path in files.tensors]
        images = CalibrationImages(shards, choose_slices(shards, params.slices))
    return make_and_record(
        lambda: make_mixed_graph(
            Path(files.graph),
            read_regions(Path(files.regions)),
            {Graph(Path(path).parent.name): Path(path) for path in files.converted},
            plan.chosen,
            Path(outputs.graph),
            precision=plan.precision,
            calibration=images,
        ),
        Path(outputs.graph),
        Path(outputs.proof),
        skip=params.on_unsupported == "skip",
    )


run(snakemake, make)
