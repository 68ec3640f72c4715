"""A package with a normalisation of its makers' own, whole without what it was made from."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from own_images import QUICK, graph_network, pictures
from PIL import Image
from snakemake_runs import job_counts, run_snakemake

pytestmark = pytest.mark.slow

OWN = """import numpy as np
from scipy import ndimage


def smooth(image):
    values = np.stack([ndimage.uniform_filter(one.astype(np.float32), 3) for one in image])
    return values / np.float32(255)
"""
ENGINE = "openvino/b2_fp32"


class Made:
    """A finished run whose originals are gone."""

    def __init__(self, folder: Path, project_root: Path) -> None:
        self.folder, self._project = folder, project_root
        self.results = folder / "run/results"
        home = folder / "home_of_alice"
        home.mkdir()
        (home / "own.py").write_text(OWN)
        (folder / "run").mkdir()
        pictures(folder / "run", masks=True)
        settings = {
            "dataset": {
                "path": "scans",
                "images": "images/{item}.png",
                "masks": "masks/{item}.png",
                "labels": {10: "nerve", 20: "vessel", 30: "bone"},
            },
            "tensors": {"normalisation": f"{home}/own.py:smooth"},
            "model": graph_network(folder / "run/net.onnx", 3, channels=3),
            "engines": {"runtimes": ["openvino"], "batch_sizes": [2], "precisions": ["fp32"]},
            "inference": QUICK,
        }
        (folder / "run/settings.yaml").write_text(json.dumps(settings))
        self.snakemake("results/package.zip")
        shutil.rmtree(home)

    def snakemake(self, *arguments: str) -> str:
        done = run_snakemake(
            self.folder / "run",
            *(*arguments, "--configfile", "settings.yaml"),
            snakefile=self._project / "Snakefile",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def segtrt(self, *words: object) -> "subprocess.CompletedProcess[str]":
        """Run the program in a folder that has nothing to do with the run."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-m", "segtrt", *map(str, words)],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(self._project / "workflow/scripts")},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def made(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("code"), project_root)


@pytest.fixture(params=["folder", "zip"])
def package(request: pytest.FixtureRequest, made: Made, tmp_path: Path) -> Path:
    """The package as a stranger has it, in another folder."""
    if request.param == "zip":
        return Path(shutil.copy(made.results / "package.zip", tmp_path / "theirs.zip"))
    with zipfile.ZipFile(made.results / "package.zip") as opened:
        opened.extractall(tmp_path / "a package")
    return tmp_path / "a package"


def masks(folder: Path) -> dict[str, bytes]:
    """By the number of a picture, what its mask holds."""
    return {path.stem: path.read_bytes() for path in folder.rglob("*.png")}


def test_the_workflows_masks_come_of_the_package_alone(
    made: Made, package: Path, tmp_path: Path
) -> None:
    images = made.folder / "run/scans/images"
    done = made.segtrt("predict", package, images, "--out", tmp_path / "masks")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = masks(made.results / "predictions" / ENGINE)
    assert len(expected) == 5
    assert masks(tmp_path / "masks") == expected
    assert any(np.asarray(Image.open(path)).any() for path in (tmp_path / "masks").rglob("*.png"))


def test_it_is_verified_and_left_as_it_was(made: Made, package: Path) -> None:
    for _ in range(2):
        done = made.segtrt("verify", package)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("verified: ")


def test_an_engine_in_the_results_needs_no_original_either(made: Made, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(made.results, tmp_path / "moved/results"))
    images = made.folder / "run/scans/images"
    done = made.segtrt("predict", moved / "engines" / ENGINE, images, "--out", tmp_path / "masks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert masks(tmp_path / "masks") == masks(made.results / "predictions" / ENGINE)


def test_programs_load_it(made: Made, package: Path) -> None:
    picture = made.folder / "run/scans/images/0.png"
    program = (
        "import sys, numpy as np; from PIL import Image; from segtrt import load\n"
        "with load(sys.argv[1]) as model:\n"
        "    labels = model(np.moveaxis(np.asarray(Image.open(sys.argv[2])), -1, 0))\n"
        "    np.save(sys.argv[3], model.labels.decode(labels))\n"
    )
    out = package.parent / "labels.npy"
    subprocess.run([sys.executable, "-c", program, package, picture, out], cwd="/", check=True)
    expected = np.asarray(Image.open(made.results / "predictions" / ENGINE / "masks/0.png"))
    np.testing.assert_array_equal(np.load(out), expected)


def test_tampered_code_is_refused_before_anything_is_loaded(made: Made, tmp_path: Path) -> None:
    package, mark = tmp_path / "package", tmp_path / "it was run"
    shutil.copytree(made.results / "package", package)
    code = package / "code/normalisation.py"
    code.write_text(f"open({str(mark)!r}, 'w').close()\n{OWN}")
    images = made.folder / "run/scans/images"
    for words in (("verify", package), ("predict", package, images, "--out", tmp_path / "masks")):
        done = made.segtrt(*words)
        assert done.returncode != 0
        assert "code/normalisation.py" in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
    assert not mark.exists() and not list((tmp_path / "masks").rglob("*.png"))


def test_where_the_original_lay_is_in_nothing_that_is_passed_on(made: Made) -> None:
    files = [path for path in made.results.rglob("*") if path.is_file()]
    passed_on = [path for path in files if "logs" not in path.relative_to(made.results).parts]
    assert made.results / "model/segmentation.json" in passed_on
    assert made.results / "package/code/normalisation.py" in passed_on
    assert [path for path in passed_on if b"home_of_alice" in path.read_bytes()] == []
    with zipfile.ZipFile(made.results / "package.zip") as opened:
        for name in opened.namelist():
            assert b"home_of_alice" not in opened.read(name), name
    card = (made.results / "package/README.md").read_text()
    assert "contains Python code and runs it" in card
    assert f"{Path.home()}/" not in card


def test_another_name_of_the_file_makes_nothing_again_but_other_code_does(made: Made) -> None:
    """What counts is the code: neither its place nor its file's name, nor comments."""
    settings = json.loads((made.folder / "run/settings.yaml").read_text())
    again = made.folder / "home_of_bob/own.py"
    again.parent.mkdir()
    again.write_text(f"# The same.\n{OWN}")
    settings["tensors"]["normalisation"] = f"{again}:smooth"
    (made.folder / "run/settings.yaml").write_text(json.dumps(settings))
    assert "Nothing to be done" in made.snakemake("results/package.zip", "-n")
    again.write_text(OWN.replace("255", "250"))
    counts = job_counts(made.snakemake("results/package.zip", "-n"))
    assert {"encode_slices", "describe_segmentation", "make_package"} <= set(counts)
