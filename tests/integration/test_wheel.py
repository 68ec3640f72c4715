"""The wheel alone, in another environment and folder: from a network and images to the report."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from tiny_networks import THREE_LINES
from tiny_run import make_interpreter

pytestmark = pytest.mark.slow

CLASSES = 3
CARRIED = ["Snakefile", "config", "config.yaml", "data", "envs", "profiles", "workflow"]


def write_images(folder: Path) -> None:
    """Three subjects with two pictures in colour each, and masks of two classes."""
    rng = np.random.default_rng(0)
    for subject in "ABC":
        for kind in ("scans", "labels"):
            (folder / kind / subject).mkdir(parents=True)
        for item in "12":
            coarse = rng.integers(0, 255, (6, 5, 3), np.uint8)
            image = coarse.repeat(8, axis=0).repeat(8, axis=1)
            Image.fromarray(image).save(folder / f"scans/{subject}/{item}.png")
            Image.fromarray(image[..., 0] // 86).save(folder / f"labels/{subject}/{item}_mask.png")


def tracked_copy(project: Path, folder: Path) -> Path:
    """The files of the repository alone, so that building writes nothing into the checkout."""
    if not (project / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (project / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(project / name, folder / name)
    return folder


def test_two_strings_and_nothing_but_the_wheel(project_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("setuptools", reason="setuptools is missing: pip install setuptools")
    source = tracked_copy(project_root, tmp_path / "source")
    pip = [sys.executable, "-m", "pip"]
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("segtrt-*.whl")
    # The packages that it needs are this environment's; itself it is the wheel's.
    python = make_interpreter(tmp_path / "venv")
    install = [*pip, "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--ignore-installed", wheel], check=True)
    shutil.rmtree(source)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    } | {"SEGTRT_CACHE": "off"}

    def segtrt(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python.with_name("segtrt"), *words],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    work = tmp_path / "work"
    write_images(work)
    (work / "net.py").write_text(THREE_LINES)
    words = ["net.py:network", "scans", "--masks", "labels", "--argument", f"classes={CLASSES}"]
    refused = segtrt("report", *words)
    assert refused.returncode == 2
    assert "--labels '1=class 1,2=class 2'" in refused.stdout
    said = ["--labels", "1=one,2=two", "--normalisation", "scale"]
    planned = segtrt("report", *words, *said, "--dry-run")
    assert planned.returncode == 0, planned.stdout
    assert str(tmp_path / "venv") in planned.stdout
    assert "jobs to run" in planned.stdout
    assert not (work / "results").exists()

    config = yaml.safe_load((work / "config.yaml").read_text())
    config["engines"] = {"runtimes": ["openvino"], "batch_sizes": [1], "precisions": ["fp32"]}
    config["dataset"]["calibration_fraction"] = 0
    config["inference"] = {"iterations": 2, "max_seconds": 0.2, "warmup_max_seconds": 0.1}
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    made = segtrt("report")
    assert made.returncode == 0, made.stdout[-4000:]
    assert (work / "results/report.html").is_file()
    assert "report: results/report.html" in made.stdout
    again = segtrt("report")
    assert "Nothing to be done" in again.stdout
    installed = next((tmp_path / "venv").glob("lib/python*/site-packages/segtrt_workflow"))
    assert sorted(path.name for path in installed.iterdir()) == CARRIED
