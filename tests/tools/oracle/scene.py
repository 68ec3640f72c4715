"""A bench, the world it shows, and what the model believes to be on disk."""

import random
from pathlib import Path

from oracle.bench import Bench
from oracle.model import Model
from oracle.world import REPORT, Disk, Job, World


class Scene:
    """A bench, the world it shows, and what the model believes to be on disk."""

    def __init__(self, bench: Bench, world: World, disk: Disk, rng: random.Random) -> None:
        self.bench, self.world, self.disk, self.rng = bench, world, disk, rng

    def compare(self, target: Job = REPORT, *arguments: str) -> tuple[set[Job], set[Job]]:
        """What Snakemake plans, and what the model says."""
        expected = Model(self.world).plan(self.disk, target)
        return self.bench.plan(self.world, target, *arguments), expected

    def run(self, jobs: set[Job], target: Job = REPORT) -> None:
        """Do what was planned."""
        Model(self.world).run(self.disk, jobs, target)
        self.bench.run(self.world, jobs, self.disk.runs, target)

    def one_present(self) -> Job:
        """A job whose outputs are there."""
        return self.rng.choice(sorted(j for j in self.disk.present if j[0] != "run_engine"))

    def files(self) -> list[Path]:
        """Every file of the results, data and checkout."""
        return [path for path in sorted(self.bench.folder.rglob("*")) if path.is_file()]
