"""What the first run of a fresh clone takes: the main job on the demo, nothing known before.

python benchmarks/first_run.py [--repeats N] [--keep FOLDER] [SNAKEMAKE'S ARGUMENTS ...]

Each run has an empty folder and no store. Prints JSON: the machine, medians of the whole process,
and of each rule the number of jobs and the seconds that they took, added up, of the last run.
"""

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from timed import ROOT, describe_machine, middle, snakemake

sys.path.insert(0, str(ROOT / "workflow/scripts"))

REPORT = "results/report.html"
BENCHMARKS = Path("results/benchmarks")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder for the last run, else it is deleted")
    options, arguments = parser.parse_known_args()
    runs, rules = [], {}
    for number in range(options.repeats):
        with tempfile.TemporaryDirectory() as name:
            last = options.keep is not None and number == options.repeats - 1
            folder = options.keep if last else Path(name)
            runs.append(snakemake(folder, REPORT, *arguments))
            rules = jobs_of(folder / BENCHMARKS)
    print(
        json.dumps(
            {
                "machine": describe_machine(),
                "repeats": options.repeats,
                "whole": middle(runs),
                "each_wall_s": [round(run.wall_s, 1) for run in runs],
                "jobs": rules,
            },
            indent=2,
        )
    )
    return 0


def jobs_of(folder: Path) -> dict[str, Any]:
    """Rule -> its jobs and their seconds, added up, the most first."""
    found: dict[str, list[float]] = {}
    for path in folder.glob("*/**/*.tsv"):
        with path.open(encoding="utf-8", newline="") as handle:
            (row,) = csv.DictReader(handle, delimiter="\t")
        found.setdefault(path.relative_to(folder).parts[0], []).append(float(row["s"]))
    ordered = sorted(found.items(), key=lambda item: -sum(item[1]))
    return {rule: {"jobs": len(took), "s": round(sum(took), 1)} for rule, took in ordered}


if __name__ == "__main__":
    sys.exit(main())
