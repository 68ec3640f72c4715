"""Data sets of every form, from their files to masks and the report, held against plain NumPy."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import tifffile
from fast_snakemake import FastSnakemake
from numpy.typing import NDArray
from own_images import CASES, TURNED, engines
from PIL import Image
from report_page import Page
from scipy import ndimage
from segtrt.data.labels import Labels
from segtrt.data.prepared import Prepared
from segtrt.quality.answers import Answers
from tiny_networks import THREE_LINES

ENGINE = "openvino/b2_fp32"
REPORT_LIMIT = 15e6
SHARDS = "shard_00.safetensors"


@dataclass
class Run:
    """A finished run."""

    folder: Path
    settings: dict[str, Any]

    @cached_property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "results/summary.json").read_text())
        return found

    @property
    def root(self) -> Path:
        """The data set's folder."""
        return self.folder / str(self.settings["dataset"]["path"])

    def engine(self, name: str = ENGINE) -> dict[str, Any]:
        """An engine's entry in the summary."""
        return next(one for one in self.summary["engines"] if one["name"] == name)

    def predicted(self, name: str = ENGINE) -> dict[str, NDArray[Any]]:
        """Masks as other programs read them, by their path."""
        folder = self.folder / "results/predictions" / name
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {
            path.relative_to(folder).as_posix(): read(path)
            for path in files
            if not path.name.startswith(".")
        }


def read(path: Path) -> NDArray[Any]:
    """A picture or volume, by the library of its format alone."""
    if path.suffix == ".png":
        return np.asarray(Image.open(path))
    if path.suffix == ".tif":
        return tifffile.imread(path)
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))


@pytest.fixture(scope="module")
def snakemake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastSnakemake]:
    with FastSnakemake(tmp_path_factory.mktemp("said") / "said.txt") as server:
        yield server


@pytest.fixture(scope="module", params=CASES)
def run(
    request: pytest.FixtureRequest,
    snakemake: FastSnakemake,
    project_root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    folder = tmp_path_factory.mktemp(request.param)
    settings = CASES[request.param](folder)
    (folder / "settings.yaml").write_text(json.dumps(settings))
    snakemake.run(
        folder,
        *("results/report.html", "--notemp", "-c2", "--configfile", "settings.yaml"),
        *("--snakefile", str(project_root / "Snakefile")),
    )
    return Run(folder, settings)


EXPECTED_MASKS = {
    "png_pairs": {f"masks/{n}.png" for n in range(5)},
    "png_without_masks": {f"images/{n}.png" for n in range(5)},
    "nifti_slices": {f"p{n}/mask.nii.gz" for n in range(4)},
    "nifti_windows": {f"p{n}/mask.nii.gz" for n in range(4)},
    "tiff_16_bit": {f"pat_{n}/{item}_mask.tif" for n in range(4) for item in range(3)},
    "dicom": {f"p{n}/liver.nii.gz" for n in range(4)},
    "nnunet": {f"labelsTr/p{n}.nii.gz" for n in range(4)},
}


def case_of(run: Run) -> str:
    """The name in `CASES`."""
    return run.folder.name.rstrip("0123456789")


def test_masks_have_the_data_sets_names_sizes_and_values(run: Run) -> None:
    values = {
        "png_pairs": {0, 10, 20, 30},
        "png_without_masks": {0, 1, 2, 3},
        "tiff_16_bit": {0, 65535},
    }.get(case_of(run), {0, 1, 2})
    for engine in run.summary["engines"]:
        masks = run.predicted(engine["name"])
        assert masks.keys() == EXPECTED_MASKS[case_of(run)]
        for name, mask in masks.items():
            assert set(np.unique(mask)) == values
            if run.summary["reference"]["has_truth"]:
                assert mask.shape == read(run.root / name).shape
            else:
                assert mask.shape == read(run.root / name).shape[:2]


def test_volumes_keep_their_geometry(run: Run) -> None:
    for name in EXPECTED_MASKS[case_of(run)]:
        if not name.endswith(".nii.gz"):
            continue
        mask = SimpleITK.ReadImage(str(run.folder / "results/predictions" / ENGINE / name))
        truth = SimpleITK.ReadImage(str(run.root / name))
        for facts in ("GetSpacing", "GetOrigin", "GetDirection", "GetSize"):
            np.testing.assert_allclose(getattr(mask, facts)(), getattr(truth, facts)(), atol=1e-5)
        if case_of(run) != "dicom":
            assert mask.GetDirection() == TURNED


def test_masks_are_the_references_labels(run: Run) -> None:
    """Pixel for pixel: in float32 the engine decides as the reference does."""
    masks = run.predicted()
    results = run.folder / "results"
    with (
        Prepared(results / "tensors" / SHARDS) as shard,
        Answers(results / "reference" / SHARDS) as reference,
    ):
        labels = shard.labels or Labels.of({1: "a", 2: "b", 3: "c"})
        for place, item in enumerate(shard.items):
            restored = item.placement.restore(reference.labels(place, item))
            expected = labels.decode(restored)
            np.testing.assert_array_equal(masks[item.source["output"]], expected)


def test_masks_are_what_plain_numpy_finds(run: Run) -> None:
    """From the files alone: scaled, blurred, and the class whose level is nearest."""
    case = case_of(run)
    if case == "nifti_slices":
        pytest.skip("resampled: see test_masks_are_the_references_labels")
    classes = len(run.summary["classes"])
    for name, mask in run.predicted().items():
        channels = images_of(run.root, name, case).astype(np.float64)
        scaled = np.stack([(one - one.min()) / (one.max() - one.min()) for one in channels])
        if case == "nifti_windows":
            mean = in_windows(scaled, run.settings["tensors"]["window"], classes)
        else:
            blur = (1, 3, 3) if case == "dicom" else 3
            mean = np.mean([blurred(one, blur) for one in scaled], axis=0)
        nearest = np.rint(mean * classes).astype(np.uint32)
        values = {"png_pairs": 10, "tiff_16_bit": 65535}.get(case, 1)
        wrong = np.count_nonzero(mask != nearest * values)
        # Sums over windows in another order: a pixel between two classes may fall either way.
        assert wrong <= (mask.size / 10_000 if case == "nifti_windows" else 0), name


def blurred(image: NDArray[np.float64], sides: int | tuple[int, ...]) -> NDArray[np.float64]:
    """The mean of each pixel's neighbourhood; outside the image all is 0."""
    found: NDArray[np.float64] = ndimage.uniform_filter(image, sides, mode="constant")
    return found


def in_windows(
    image: NDArray[np.float64], window: dict[str, Any], classes: int
) -> NDArray[np.float64]:
    """The likeliest class's level, (*size), of what MONAI makes of overlapping windows."""
    import torch
    from monai.inferers import sliding_window_inference

    level = np.arange(classes + 1) / classes

    def network(patches: torch.Tensor) -> torch.Tensor:
        means = np.stack([blurred(patch[0].numpy(), 3) for patch in patches])
        logits = -20 * (means[:, np.newaxis] - level.reshape(-1, 1, 1, 1)) ** 2
        return torch.from_numpy(logits).softmax(1)

    answer = sliding_window_inference(
        torch.from_numpy(image)[np.newaxis],
        tuple(window["size"]),
        4,
        network,
        overlap=window["overlap"],
        mode=window["blend"],
    )
    found: NDArray[np.float64] = level[answer[0].argmax(0).numpy()]
    return found


def images_of(root: Path, mask: str, case: str) -> NDArray[Any]:
    """(channels, *size): the image of a mask, read by the library of its format alone."""
    if case.startswith("png"):
        return np.moveaxis(read(root / mask.replace("masks", "images")), -1, 0)
    if case == "tiff_16_bit":
        return read(root / mask.replace("_mask", ""))[np.newaxis]
    if case == "dicom":
        series = root / mask.replace("liver.nii.gz", "series")
        names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(series))
        return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(names))[np.newaxis]
    if case == "nifti_windows":
        return read(root / mask.replace("mask", "scan"))[np.newaxis]
    pair = [mask.replace("labelsTr", "imagesTr").replace(".nii", f"_000{c}.nii") for c in (0, 1)]
    return np.stack([read(root / name) for name in pair])


def test_figures_are_those_of_the_files(run: Run) -> None:
    """Dice of each class, computed from the masks in the files and those of the data set."""
    engine, metric = run.engine(), run.summary["metric"]["name"]
    if not run.summary["reference"]["has_truth"]:
        assert engine["quality"] is None
        assert all(one["figure"] is None for one in engine["subjects"])
        assert engine["agreement"] == 1
        return
    names = run.summary["classes"]
    assert names == list(
        {
            "png_pairs": ("nerve", "vessel", "bone"),
            "tiff_16_bit": ("cell",),
            "nnunet": ("core", "oedema"),
        }.get(case_of(run), ("liver", "tumour"))
    )
    assert len(engine["quality"]["classes"]) == len(names)
    assert engine["quality"]["classes"] == engine["quality"]["reference_classes"]
    if metric != "dice":
        assert (metric, run.summary["metric"]["unit"]) == ("hd95", "mm")
        return
    masks = run.predicted()
    scored = [one for one in engine["subjects"] if one["split"] == "evaluation"]
    assert 0 < len(scored) < len(engine["subjects"])
    for subject in scored:
        own = [
            (mask, read(run.root / name))
            for name, mask in masks.items()
            if subject["subject"] in (Path(name).parent.name, Path(name).name.split(".")[0])
        ]
        assert len(own) == subject["items"]
        values = np.unique(own[0][1])[1:]
        for value, figure in zip(values, subject["classes"], strict=True):
            # The pixels of a subject's images count together.
            both = sum(int(((mask == value) & (truth == value)).sum()) for mask, truth in own)
            either = sum(int((one == value).sum()) for pair in own for one in pair)
            assert figure == pytest.approx(2 * both / either, abs=1e-9)
            assert 0.3 < figure < 1


def test_report(run: Run) -> None:
    path = run.folder / "results/report.html"
    assert path.stat().st_size < REPORT_LIMIT
    page = Page(path.read_text("utf-8"))
    said = " ".join(" ".join(page.text).split())
    overlays = page.data("overlays")
    assert overlays["classes"] == run.summary["classes"]
    views = overlays["views"].values()
    volumes = case_of(run) not in ("png_pairs", "png_without_masks", "tiff_16_bit")
    assert all((view["plane"] is not None) == volumes for view in views)
    shown = {label for view in views for label in view["reference"]}
    assert shown == {str(label + 1) for label in range(len(run.summary["classes"]))}
    if case_of(run) == "png_without_masks":
        assert "There is no ground truth" in said
        assert not any("truth" in attributes.get("data-layer", "") for _, attributes in page.tags)
        assert not any("loss" in row["cells"] for row in page.rows)
    else:
        assert "There is no ground truth" not in said
        assert all(view["truth"] is not None for view in views)


@pytest.mark.slow
def test_a_network_is_trained_on_several_classes_and_used(
    snakemake: FastSnakemake, project_root: Path, tmp_path: Path
) -> None:
    """The user's own factory, on pictures without subjects: from training to the report."""
    settings = CASES["png_pairs"](tmp_path)
    (tmp_path / "own.py").write_text(THREE_LINES)
    settings |= {
        "model": {
            "network": "own.py:network",
            "arguments": {"classes": 4},
            "weights": "results/training/weights.safetensors",
        },
        "training": {"epochs": 30, "batch_size": 2, "learning_rate": 0.02},
        "engines": engines("fp32"),
    }
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))
    snakemake.run(
        tmp_path,
        *("results/report.html", "-c2", "--configfile", "settings.yaml"),
        *("--snakefile", str(project_root / "Snakefile")),
    )
    trained = Run(tmp_path, settings)
    assert trained.summary["classes"] == ["nerve", "vessel", "bone"]
    quality = trained.engine()["quality"]
    assert quality["mean"] > 0.3
    assert min(quality["classes"]) > 0
