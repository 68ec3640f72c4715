"""Masks for new images by an engine of a real run, by the document's commands and its program."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from proven_engine import contents
from snakemake_runs import run_snakemake
from tiny_run import SLICES, SUBJECT, copy_slices

pytestmark = pytest.mark.slow

CELL = "openvino/b1_fp32"
IMAGES = "data/demo/kaggle_3m"


@pytest.fixture(scope="module")
def folder(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run has left an engine, its masks and the description; no report was asked for."""
    folder = tmp_path_factory.mktemp("run")
    copy_slices(folder / IMAGES)
    done = run_snakemake(
        folder,
        f"results/predictions/{CELL}",
        "results/model/segmentation.json",
        "--config",
        f"dataset={{source: path, path: {IMAGES}, calibration_fraction: 0}}",
        "engines={runtimes: [openvino], batch_sizes: [1], precisions: [fp32]}",
        snakefile=project_root / "Snakefile",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def blocks(project_root: Path, kind: str) -> list[str]:
    text = (project_root / "docs/predict.md").read_text("utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def run(folder: Path, project_root: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project_root / "workflow/scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_documents_commands_give_the_runs_masks(folder: Path, project_root: Path) -> None:
    expected = {
        name.replace("_mask", ""): mask
        for name, mask in contents(folder / "results/predictions" / CELL).items()
        if not name.startswith(".snakemake")
    }
    assert len(expected) == len(SLICES)
    lines = [line[2:] for block in blocks(project_root, "console") for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines]
    predictions = [words[1:] for words in commands if words[0] == "segtrt"]
    assert len(predictions) == 3
    for number, words in enumerate(predictions):
        words[words.index("masks")] = f"masks{number}"
        assert f"{len(SLICES)} images segmented" in run(
            folder, project_root, "-m", "segtrt", *words
        )
        assert contents(folder / f"masks{number}") == expected
    (benchmark,) = (words[1:] for words in commands if words[0] == "python")
    script = str(project_root / benchmark[0])
    reported = json.loads(run(folder, project_root, script, *benchmark[1:], "--repeats", "1"))
    assert reported["images"] == len(SLICES)
    assert reported["share_of_engine_alone"] > 0


def test_the_documents_program_runs(folder: Path, project_root: Path) -> None:
    (program,) = blocks(project_root, "python")
    reported = run(folder, project_root, "-c", program)
    assert reported.startswith("{1: 'tumour'} [")


def test_another_threshold_builds_no_engine(folder: Path, project_root: Path) -> None:
    engine = folder / "results/engines" / CELL / "engine.bin"
    done = run_snakemake(
        folder,
        str(engine.relative_to(folder)),
        "results/model/segmentation.json",
        "-n",
        "--config",
        f"dataset={{source: path, path: {IMAGES}, calibration_fraction: 0}}",
        "engines={runtimes: [openvino], batch_sizes: [1], precisions: [fp32]}",
        "validation={decide: {threshold: 0.3}}",
        snakefile=project_root / "Snakefile",
    )
    assert done.returncode == 0
    assert "describe_segmentation" in done.stdout + done.stderr
    assert "build_engine" not in done.stdout + done.stderr
    assert (folder / IMAGES / SUBJECT).is_dir()
