"""The commands of "Bring your images" do what the page says, on data sets of its forms."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from dicom_series import write_series
from PIL import Image
from snakemake_runs import run_snakemake

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/your_images.md"
REPORT = "results/report.html"
MANIFEST = "results/dataset/manifest.json"


def pictures(folder: Path) -> None:
    """Two pictures with masks of one class."""
    for name in ("images", "masks"):
        (folder / "scans" / name).mkdir(parents=True)
    for number in (1, 2):
        values = np.full((16, 16, 3), number, np.uint8)
        Image.fromarray(values).save(folder / f"scans/images/{number}.png")
        Image.fromarray(values[..., 0] // 2).save(folder / f"scans/masks/{number}.png")


def series(folder: Path) -> None:
    """Two DICOM series with masks of two classes."""
    rng = np.random.default_rng(0)
    for name in ("p1", "p2"):
        values = rng.integers(0, 99, (3, 8, 8)).astype(np.int16)
        positions = [(0.0, 0.0, 2.0 * plane) for plane in range(3)]
        write_series(folder / f"ct/{name}/series", values, positions)
        mask = SimpleITK.GetImageFromArray((values % 3).astype(np.uint8))
        mask.SetSpacing((0.5, 0.75, 2.0))
        SimpleITK.WriteImage(mask, str(folder / f"ct/{name}/liver.nii.gz"))


def nnunet(folder: Path) -> None:
    """Two volumes of two channels."""
    root = folder / "Dataset001_Brain"
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True)
    volume = SimpleITK.GetImageFromArray(np.ones((3, 8, 8), np.uint8))
    for name in ("p1", "p2"):
        for path in (f"imagesTr/{name}_0000", f"imagesTr/{name}_0001", f"labelsTr/{name}"):
            SimpleITK.WriteImage(volume, str(root / f"{path}.nii.gz"))
    described = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "tumour": 1},
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(described))


def commands() -> list[list[str]]:
    """The page's commands, without the prompt."""
    lines = PAGE.read_text("utf-8").splitlines()
    return [shlex.split(line[2:]) for line in lines if line.startswith("$ ")]


@pytest.mark.parametrize(
    ("number", "make", "subjects", "channels"),
    [
        (0, pictures, ["1", "2"], []),
        (1, series, ["p1", "p2"], []),
        (2, nnunet, ["p1", "p2"], ["0000", "0001"]),
    ],
)
def test_a_command_lists_its_images(
    number: int,
    make: Callable[[Path], None],
    subjects: list[str],
    channels: list[str],
    tmp_path: Path,
) -> None:
    make(tmp_path)
    program, target, *options = commands()[number]
    assert (program, target) == ("snakemake", REPORT)
    done = run_snakemake(tmp_path, MANIFEST, *options, snakefile=ROOT / "Snakefile")
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert [subject["name"] for subject in manifest["subjects"]] == subjects
    assert manifest["channels"] == channels
    assert manifest["skipped"] == []


def test_there_is_a_test_of_every_command() -> None:
    assert len(commands()) == 3
