"""From the demo to a package that is verified and used elsewhere, by what its card says alone."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import segtrt
from snakemake_runs import job_counts, run_snakemake

pytestmark = pytest.mark.slow

SUBJECTS = ("DEMO_0001", "DEMO_0002")
SMALL = (
    f"dataset={{subjects: [{', '.join(SUBJECTS)}]}}",
    "engines={runtimes: [onnxruntime, openvino], batch_sizes: [4], precisions: [fp32, int8]}",
    "inference={iterations: 5, max_seconds: 0.2, warmup_max_seconds: 0.1}",
    "report={max_metric_loss: 0.02}",
)


@pytest.fixture(scope="module")
def results(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`results/` with a package."""
    folder = tmp_path_factory.mktemp("demo")
    reported = run(folder, project_root, "results/package.zip")
    assert job_counts(reported)["make_package"] == 1
    return folder / "results"


@pytest.fixture
def package(results: Path, tmp_path: Path) -> Iterator[Path]:
    """The package unzipped elsewhere, where it may only be read."""
    folder = tmp_path / "elsewhere/a package"
    with zipfile.ZipFile(results / "package.zip") as opened:
        opened.extractall(folder)
    everything = [folder, *folder.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in everything:
        path.chmod(0o755 if path.is_dir() else 0o644)


def run(folder: Path, project_root: Path, *arguments: str) -> str:
    done = run_snakemake(
        folder, *arguments, "--config", *SMALL, snakefile=project_root / "Snakefile"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def engine_of(package: Path) -> str:
    name = json.loads((package / "package.json").read_text())["engine"]
    assert isinstance(name, str)
    return name


def same_masks(results: Path, engine: str, masks: Path) -> int:
    """How many masks there are; each must be the workflow's, byte for byte."""
    expected = sorted((results / "predictions" / engine).rglob("*_mask.tif"))
    for path in expected:
        found = masks / path.parent.name / path.name.replace("_mask", "")
        assert found.read_bytes() == path.read_bytes(), path.name
    return len(expected)


def test_a_package_is_made_once_and_the_same_again(results: Path, project_root: Path) -> None:
    archive = results / "package.zip"
    before = archive.read_bytes()
    reported = run(results.parent, project_root, "results/package.zip")
    assert "Nothing to be done" in reported
    shutil.rmtree(results / "package")
    archive.unlink()
    reported = run(results.parent, project_root, "results/package.zip")
    assert job_counts(reported).keys() - {"total", "note_changes"} == {"make_package"}
    assert archive.read_bytes() == before
    summary = json.loads((results / "summary.json").read_text())
    assert engine_of(results / "package") == summary["recommendation"]["engine"]


def test_it_is_verified_as_it_lies_in_the_results_too(results: Path) -> None:
    for place in ("package", "package.zip"):
        done = segtrt("verify", results / place, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_masks_of_the_package_are_the_workflows(
    results: Path, package: Path, project_root: Path, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    for subject in SUBJECTS:
        shutil.copytree(project_root / "data/demo/kaggle_3m" / subject, images / subject)
    done = segtrt("predict", package, images, "--out", tmp_path / "masks", capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert same_masks(results, engine_of(package), tmp_path / "masks") == 32


def test_what_the_card_says_is_enough_in_a_fresh_environment(
    results: Path, package: Path, project_root: Path, tmp_path: Path
) -> None:
    """Its own commands, in a folder elsewhere, with a wheel made from the tree; no torch."""
    place, clone = tmp_path / "target", tmp_path / "clone"
    place.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(project_root), str(clone)], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", place, clone],
        check=True,
    )
    block = re.search(r"```console\n(.*?)```", (package / "README.md").read_text(), re.DOTALL)
    assert block
    lines = [line.removeprefix("$ ") for line in block[1].splitlines()]
    assert lines[0].startswith("python -m venv venv && ")
    assert lines[-1] == "segtrt verify PACKAGE"
    script = "\n".join(["set -e", *lines]).replace("PACKAGE", f"'{package}'")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("verified: segmentation (")
    installed = {path.name for path in place.glob("venv/lib/python*/site-packages/*")}
    assert not installed & {"torch", "snakemake", "onnx"}
    # The same environment makes the workflow's masks.
    program = place / "venv/bin/segtrt"
    images = clone / "data/demo/kaggle_3m" / SUBJECTS[0]
    masks = place / "masks" / SUBJECTS[0]
    subprocess.run(
        [program, "predict", package, images, "--out", masks],
        cwd=place,
        env=environment,
        check=True,
    )
    expected = sorted((results / "predictions" / engine_of(package) / SUBJECTS[0]).iterdir())
    assert len(expected) == 16
    for path in expected:
        found = next(masks.rglob(path.name.replace("_mask", "")))
        assert found.read_bytes() == path.read_bytes(), path.name
