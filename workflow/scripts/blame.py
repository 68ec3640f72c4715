"""Print what each region loses in each precision, the worst first."""

from pathlib import Path

from segtrt.errors import SegtrtError
from segtrt.plan.job import logged
from segtrt.plan.verify import verify_files
from segtrt.quality.blame_table import blame_table
from segtrt.quality.reference_scores import read_reference_scores
from segtrt.quality.sensitivity import read_sensitivity

with logged(snakemake.log[0]):
    paths = [Path(path) for path in snakemake.input.sensitivities]
    scores = Path(snakemake.input.reference_scores)
    if damaged := verify_files(Path(), [scores, *paths], snakemake.params.prefix):
        raise SegtrtError("; ".join(damaged))
    metric = read_reference_scores(scores).metric
    print(blame_table([read_sensitivity(path) for path in paths], metric.title, metric.unit))
