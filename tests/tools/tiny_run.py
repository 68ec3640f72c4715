"""Real runs of a tiny configuration (one engine, four slices) in folders of any name."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake_runs import job_counts

ROOT = Path(__file__).resolve().parents[2]
SUBJECT, SLICES = "DEMO_0001", (9, 10, 11, 12)
REPRODUCIBLE = (
    "results/onnx/fp32/model.onnx",
    "results/onnx/fp32/test_data_set_0/output_0.pb",
    "results/tensors/shard_00.safetensors",
    "results/scores/openvino/b1_fp32.json",
    "results/validation/openvino/b1_fp32.json",
)
"""Outputs that are the same bytes wherever they are made; masks are as well."""


def copy_slices(folder: Path) -> Path:
    """A data set of one subject with four slices."""
    (folder / SUBJECT).mkdir(parents=True)
    for number in SLICES:
        for kind in ("", "_mask"):
            name = f"{SUBJECT}/{SUBJECT}_{number}{kind}.tif"
            shutil.copy(ROOT / "data/demo/kaggle_3m" / name, folder / name)
    return folder


def settings(data: Path | str, weights: Path | str, **groups: Any) -> dict[str, Any]:
    """The tiny configuration."""
    return {
        "dataset": {"source": "path", "path": str(data), "calibration_fraction": 0},
        "tensors": {"samples": [{"subject": SUBJECT, "slice": SLICES[1]}]},
        "model": {"weights": str(weights)},
        "engines": {"runtimes": ["openvino"], "batch_sizes": [1], "precisions": ["fp32"]},
        "inference": {"iterations": 2, "max_seconds": 0.2, "warmup_max_seconds": 0.1},
        **groups,
    }


def make_interpreter(folder: Path) -> Path:
    """A virtual environment with the packages of this one; returns its Python."""
    venv.create(folder, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "these.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin/python"


@dataclass
class Runner:
    """Snakemake in one working folder."""

    folder: Path
    options: tuple[str, ...] = ()
    cache: Path | str = "off"
    python: Path = field(default_factory=lambda: Path(sys.executable))

    def try_to(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake; output and errors come together."""
        environment = {**os.environ, "SEGTRT_CACHE": str(self.cache), "COLUMNS": "200"}
        environment.pop("PYTHONPATH", None)
        return subprocess.run(
            [str(self.python), "-m", "snakemake", *arguments, *self.options],
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    def run(self, *arguments: str) -> str:
        """Run Snakemake, which must succeed; returns what it says."""
        done = self.try_to(*arguments)
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout


def reproducible(folder: Path) -> dict[str, bytes]:
    """The outputs of a whole run that are the same bytes wherever they are made, by path.

    Args:
        folder: that of `results`.
    """
    masks = list((folder / "results/predictions").rglob("*_mask.*"))
    assert len(masks) == len(SLICES)
    files = [*(folder / path for path in REPRODUCIBLE), *masks]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def planned(said: str) -> set[str]:
    """The rules of the jobs that a dry run lists."""
    return set(job_counts(said)) if "Job stats:" in said else set()
