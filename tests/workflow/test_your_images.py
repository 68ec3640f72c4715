"""The commands of "Bring your images" do what the page says, on data sets of its forms."""

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from dicom_series import write_series
from fast_snakemake import FastSnakemake
from own_images import graph_network, grey, label_map
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/your_images.md"
REPORT = "results/report.html"
QUICK = (
    "engines={runtimes: [openvino], batch_sizes: [1], precisions: [fp32]}",
    "inference={iterations: 2, max_seconds: 0.1, warmup_max_seconds: 0.1}",
)
"""What the commands are given beside, as one engine tells as much here as twelve."""


def pictures(folder: Path) -> None:
    """Two colour pictures with masks of one class."""
    for name in ("images", "masks"):
        (folder / "scans" / name).mkdir(parents=True)
    for number in (1, 2):
        labels = label_map((32, 48), 1, number)
        image = grey(labels, 1, 255, number).astype(np.uint8)
        Image.fromarray(np.stack([image] * 3, -1)).save(folder / f"scans/images/{number}.png")
        Image.fromarray(labels).save(folder / f"scans/masks/{number}.png")
    graph_network(folder / "nerves.onnx", 1, channels=3)


def series(folder: Path) -> None:
    """Two DICOM series with masks of two classes."""
    for number in (1, 2):
        labels = label_map((4, 24, 32), 2, number)
        positions = [(0.0, 0.0, 2.0 * plane) for plane in range(len(labels))]
        values = grey(labels, 2, 1000, number).astype(np.int16)
        write_series(folder / f"ct/p{number}/series", values, positions)
        mask = SimpleITK.GetImageFromArray(labels)
        mask.SetSpacing((0.5, 0.75, 2.0))
        SimpleITK.WriteImage(mask, str(folder / f"ct/p{number}/liver.nii.gz"))
    graph_network(folder / "livers.onnx", 2)


def nnunet(folder: Path) -> None:
    """Two volumes of two channels."""
    root = folder / "Dataset001_Brain"
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True)
    for number in (1, 2):
        labels = label_map((8, 24, 32), 1, number)
        volume = SimpleITK.GetImageFromArray(grey(labels, 1, 1, number).astype(np.float32))
        for channel in (0, 1):
            SimpleITK.WriteImage(volume, str(root / f"imagesTr/p{number}_000{channel}.nii.gz"))
        mask = SimpleITK.GetImageFromArray(labels)
        SimpleITK.WriteImage(mask, str(root / f"labelsTr/p{number}.nii.gz"))
    described = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "tumour": 1},
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(described))
    graph_network(folder / "brains.onnx", 1, dimensions=3, channels=2)


def commands() -> list[list[str]]:
    """The page's commands, without the prompt."""
    lines = PAGE.read_text("utf-8").splitlines()
    return [shlex.split(line[2:]) for line in lines if line.startswith("$ ")]


@pytest.fixture(scope="module")
def snakemake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastSnakemake]:
    with FastSnakemake(tmp_path_factory.mktemp("said") / "said.txt") as server:
        yield server


@pytest.mark.parametrize(
    ("number", "make", "subjects", "masks", "classes"),
    [
        (0, pictures, ["1", "2"], {"masks/1.png", "masks/2.png"}, ["nerve"]),
        pytest.param(
            *(1, series, ["p1", "p2"], {"p1/liver.nii.gz", "p2/liver.nii.gz"}),
            ["liver", "tumour"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(2, nnunet, ["p1", "p2"], {"labelsTr/p1.nii.gz", "labelsTr/p2.nii.gz"}),
            ["tumour"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_command_leads_to_its_report(  # noqa: PLR0917 - a table
    number: int,
    make: Callable[[Path], None],
    subjects: list[str],
    masks: set[str],
    classes: list[str],
    snakemake: FastSnakemake,
    tmp_path: Path,
) -> None:
    make(tmp_path)
    program, target, *options = commands()[number]
    assert (program, target) == ("snakemake", REPORT)
    snakemake.run(tmp_path, target, "--snakefile", str(ROOT / "Snakefile"), "-c2", *options, *QUICK)
    summary = json.loads((tmp_path / "results/summary.json").read_text())
    assert [one["subject"] for one in summary["reference"]["subjects"]] == subjects
    assert summary["classes"] == classes
    assert summary["dataset"]["skipped"] == []
    assert summary["recommendation"]["engine"] == "openvino/b1_fp32"
    written = tmp_path / "results/predictions/openvino/b1_fp32"
    assert {
        path.relative_to(written).as_posix() for path in written.rglob("*.*") if path.is_file()
    } - {".snakemake_timestamp"} == masks
    assert (tmp_path / REPORT).is_file()


def test_there_is_a_test_of_every_command() -> None:
    assert len(commands()) == 3
