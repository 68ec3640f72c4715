"""The main job on real patients: from a folder, and from a zip as Kaggle serves it."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from snakemake_runs import job_counts, run_snakemake

BAD = "TCGA_XX_0000_19990101"
QUICK = "inference={iterations: 3, max_seconds: 0.2, warmup_max_seconds: 0}"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def patients(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def run(kaggle_folder: Path, project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`results/` of all patients, and a bad one that is to be skipped."""
    folder = tmp_path_factory.mktemp("patients")
    images = folder / "images"
    for name in patients(kaggle_folder):
        shutil.copytree(kaggle_folder / name, images / name)
    one = next(images.rglob("*_1.tif"))
    (images / BAD).mkdir()
    shutil.copy(one, images / BAD / f"{BAD}_1.tif")
    name = patients(kaggle_folder)[0]
    done = run_snakemake(
        folder,
        "results/report.html",
        "--config",
        "dataset={source: path, path: images, shards: 2, on_bad_subject: skip}",
        f"tensors={{normalisation: volume, samples: [{{subject: {name}, slice: 3}}]}}",
        "engines={runtimes: [openvino], batch_sizes: [4], precisions: [fp32, int8]}",
        QUICK,
        snakefile=project_root / "Snakefile",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results"


def test_every_patient_is_scored_and_the_bad_one_shown(run: Path, kaggle_folder: Path) -> None:
    names = patients(kaggle_folder)
    summary = read(run / "summary.json")
    manifest = read(run / "dataset/manifest.json")
    assert [subject["name"] for subject in manifest["subjects"]] == names
    assert {subject["shard"] for subject in manifest["subjects"]} == {0, 1}
    for engine in summary["engines"]:
        assert sorted(subject["subject"] for subject in engine["subjects"]) == names
    (skipped,) = summary["dataset"]["skipped"]
    assert skipped["subject"] == BAD
    page = (run / "report.html").read_text(encoding="utf-8")
    # Those who calibrate take no part in the scores.
    scored = [
        subject["name"] for subject in manifest["subjects"] if subject["split"] == "evaluation"
    ]
    assert len(scored) == 5
    for name in (*scored, BAD):
        assert name in page


def test_engines_keep_their_promises_on_real_images(run: Path) -> None:
    fp32 = read(run / "scores/openvino/b4_fp32.json")["errors_every_item"]
    assert fp32["non_finite"] == 0
    assert fp32["max_abs_error"] <= 1e-4
    int8 = read(run / "scores/openvino/b4_int8.json")
    assert int8["errors_every_item"]["cosine_similarity"] > 0.9
    assert int8["quality"]["loss"] <= 0.02


def test_there_is_a_mask_for_every_slice(run: Path, kaggle_folder: Path) -> None:
    for engine in ("b4_fp32", "b4_int8"):
        folder = run / "predictions/openvino" / engine
        masks = {path.relative_to(folder) for path in folder.rglob("*.tif")}
        assert masks == {
            path.relative_to(kaggle_folder) for path in kaggle_folder.rglob("*_mask.tif")
        }
        values = {
            value
            for path in folder.rglob("*.tif")
            for value in np.unique(np.asarray(Image.open(path))).tolist()
        }
        assert values <= {0, 255}


def test_a_zip_with_the_tree_twice(kaggle_folder: Path, project_root: Path, tmp_path: Path) -> None:
    names = patients(kaggle_folder)[:2]
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for name in names:
            for path in sorted((kaggle_folder / name).iterdir()):
                for tree in ("kaggle_3m", "lgg-mri-segmentation/kaggle_3m"):
                    content.write(path, f"{tree}/{name}/{path.name}")
        content.writestr("kaggle_3m/README.md", "about the data")
    arguments = [
        "results/report.html",
        "--config",
        "dataset={source: kaggle, path: archive.zip}",
        f"tensors={{samples: [{{subject: {names[0]}, slice: 3}}]}}",
        "engines={runtimes: [openvino], batch_sizes: [8], precisions: [fp32]}",
        QUICK,
    ]
    snakefile = project_root / "Snakefile"
    planned = run_snakemake(tmp_path, *arguments, "-n", snakefile=snakefile)
    assert job_counts(planned.stdout)["fetch_dataset"] == 1
    done = run_snakemake(tmp_path, *arguments, snakefile=snakefile)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in names:
        for path in (kaggle_folder / name).iterdir():
            unpacked = tmp_path / "data/kaggle_3m" / name / path.name
            assert unpacked.read_bytes() == path.read_bytes()
    manifest = read(tmp_path / "results/dataset/manifest.json")
    assert [subject["name"] for subject in manifest["subjects"]] == names
    assert read(tmp_path / "results/validation/openvino/b8_fp32.json")["verdict"] == "pass"
    again = run_snakemake(tmp_path, *arguments, "-n", snakefile=snakefile)
    assert "Nothing to be done" in again.stdout
