"""Data sets of every form that users bring, and networks that segment them, small.

A pixel's grey level tells its class, with noise and a blurring network between, so that the masks
that are right are neither empty nor perfect.

Run as a script to look at one: `python tests/tools/own_images.py NAME FOLDER` writes it and
`settings.yaml` beside it.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
import tifffile
from dicom_series import write_series
from numpy.typing import NDArray
from onnx import helper
from PIL import Image
from tiny_networks import onnx_graph

NETWORK = '''
import torch

def network(levels, dimensions=2, channels=1):
    """Logits by the distance of all channels' blurred mean to each class's level."""
    kind = (torch.nn.Conv2d, torch.nn.Conv3d)[dimensions - 2]
    blur = kind(channels, 2, 3, padding=1, bias=False)
    tell = kind(2, len(levels), 1)
    levels = torch.tensor(levels)
    with torch.no_grad():
        blur.weight[:] = 1 / (channels * 3**dimensions)
        tell.weight[:] = 20 * levels.reshape(-1, *[1] * (dimensions + 1)).expand_as(tell.weight)
        tell.bias[:] = -20 * levels**2
    return torch.nn.Sequential(blur, torch.nn.ReLU(), tell)
'''
"""The distance's square without the term that all classes share is linear in the mean."""

QUICK = {"iterations": 2, "max_seconds": 0.1, "warmup_max_seconds": 0.1}
SPACING, ORIGIN = (0.75, 0.5, 2.0), (-30.0, 12.5, 100.0)
"""Of volumes, in the order x, y, z."""
TURNED = (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
"""Direction of volumes: what a file's reader must not lose."""


def label_map(shape: Sequence[int], classes: int, seed: int) -> NDArray[np.uint8]:
    """(*shape) uint8: a blob for each class, side by side along the last axis."""
    rng = np.random.default_rng(seed)
    found = np.zeros(shape, np.uint8)
    grids = np.indices(shape).astype(np.float64)
    width = shape[-1] / classes
    for label in range(1, classes + 1):
        middle = [size / 2 + rng.uniform(-1, 1) for size in shape]
        middle[-1] = width * (label - 0.5)
        radii = [size / 2.4 for size in shape]
        radii[-1] = width / 2.4
        distance = sum(
            ((grid - centre) / radius) ** 2
            for grid, centre, radius in zip(grids, middle, radii, strict=True)
        )
        found[distance < 1] = label
    return found


def grey(labels: NDArray[np.uint8], classes: int, top: int, seed: int) -> NDArray[np.float64]:
    """An image of a label map, 0 to `top`: a level for each class, and noise."""
    rng = np.random.default_rng(seed + 1000)
    noisy = labels / classes + rng.normal(0, 0.15, labels.shape)
    return np.clip(noisy, 0, 1) * top


def levels(classes: int) -> list[float]:
    """Of the background and each class, in an image scaled to 0..1."""
    return [label / classes for label in range(classes + 1)]


def engines(*precisions: str) -> dict[str, Any]:
    """The setting of that name."""
    return {"runtimes": ["openvino"], "batch_sizes": [2], "precisions": list(precisions)}


def settings(images: Mapping[str, Any], **groups: Any) -> dict[str, Any]:
    """Settings of a quick run."""
    return {
        "dataset": {"calibration_fraction": 0.3, **images},
        "tensors": {"normalisation": "scale"},
        "engines": engines("fp32"),
        "inference": QUICK,
        **groups,
    }


def file_network(
    folder: Path, classes: int, dimensions: int = 2, channels: int = 1
) -> dict[str, Any]:
    """`NETWORK` as the user's own file, and the setting `model` of it."""
    (folder / "net.py").write_text(NETWORK)
    arguments = {"levels": levels(classes), "dimensions": dimensions, "channels": channels}
    return {"network": "net.py:network", "arguments": arguments}


def graph_network(
    path: Path, classes: int, dimensions: int = 2, channels: int = 1
) -> dict[str, Any]:
    """The same network as an ONNX file that ends in Softmax, and the setting `model` of it."""
    level = np.array(levels(classes), np.float32)
    blur = np.full((2, channels, *[3] * dimensions), 1 / (channels * 3**dimensions), np.float32)
    tell = np.broadcast_to(
        20 * level.reshape(-1, *[1] * (dimensions + 1)), (classes + 1, 2, *[1] * dimensions)
    )
    nodes = [
        helper.make_node("Conv", ["x", "blur"], ["mean"], pads=[1] * 2 * dimensions),
        helper.make_node("Relu", ["mean"], ["positive"]),
        helper.make_node("Conv", ["positive", "tell", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=1),
    ]
    onnx_graph(
        path,
        nodes,
        {"blur": blur, "tell": tell, "bias": -20 * level**2},
        given=("batch", channels, *(f"side_{axis}" for axis in range(dimensions))),
    )
    return {"network": path.name}


def volume(values: NDArray[Any]) -> SimpleITK.Image:
    """A volume with spacing, origin and a direction that is not the usual one."""
    image = SimpleITK.GetImageFromArray(values)
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    image.SetDirection(TURNED)
    return image


def pictures(folder: Path, masks: bool, shape: tuple[int, int] = (40, 54)) -> None:
    """Five colour PNGs, and masks of three classes whose values are 10, 20 and 30."""
    for number in range(5):
        labels = label_map(shape, 3, number)
        colours = np.stack([grey(labels, 3, 255, 3 * number + c) for c in range(3)], axis=-1)
        for name in ("images", "masks") if masks else ("images",):
            (folder / "scans" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(colours.astype(np.uint8)).save(folder / f"scans/images/{number}.png")
        if masks:
            Image.fromarray(labels * 10).save(folder / f"scans/masks/{number}.png")


def png_pairs(folder: Path) -> dict[str, Any]:
    """PNG pairs without subjects, three classes; the network is an ONNX file."""
    pictures(folder, masks=True)
    return settings(
        {
            "path": "scans",
            "images": "images/{item}.png",
            "masks": "masks/{item}.png",
            "labels": {10: "nerve", 20: "vessel", 30: "bone"},
        },
        model=graph_network(folder / "net.onnx", 3, channels=3),
        engines=engines("fp32", "int8"),
    )


def png_without_masks(folder: Path) -> dict[str, Any]:
    """The same pictures without any ground truth."""
    pictures(folder, masks=False)
    return settings(
        {"path": "scans", "images": "images/{item}.png", "masks": None},
        model=graph_network(folder / "net.onnx", 3, channels=3),
    )


def nifti(folder: Path, shape: tuple[int, int, int]) -> dict[str, Any]:
    """Three patients with volumes in NIfTI, two classes; the settings of where they are."""
    for number in range(4):
        labels = label_map(shape, 2, number)
        for name, values in (
            ("scan", grey(labels, 2, 1000, number).astype(np.int16)),
            ("mask", labels),
        ):
            (folder / f"ct/p{number}").mkdir(parents=True, exist_ok=True)
            SimpleITK.WriteImage(volume(values), str(folder / f"ct/p{number}/{name}.nii.gz"))
    return {
        "path": "ct",
        "images": "{subject}/scan.nii.gz",
        "masks": "{subject}/mask.nii.gz",
        "labels": {1: "liver", 2: "tumour"},
    }


def nifti_slices(folder: Path) -> dict[str, Any]:
    """Volumes cut along their second axis for a 2-D network, resampled on the way."""
    return settings(
        nifti(folder, (18, 10, 40)),
        tensors={"normalisation": "scale", "axis": 1, "spacing": [1.0, None, 0.75]},
        model=file_network(folder, 2),
        validation={"metric": "hd95"},
    )


def nifti_windows(folder: Path) -> dict[str, Any]:
    """Volumes cut into overlapping windows for a 3-D network."""
    window = {"size": [16, 16, 16], "overlap": 0.25, "blend": "gaussian"}
    return settings(
        nifti(folder, (20, 30, 40)),
        tensors={"normalisation": "scale", "window": window},
        model=graph_network(folder / "net.onnx", 2, dimensions=3),
        engines=engines("fp32", "int8"),
    )


def tiff_16_bit(folder: Path) -> dict[str, Any]:
    """Patients with 16-bit grey TIFFs of several sizes, padded to one; masks of 0 and 65535."""
    for number in range(4):
        for item in range(3):
            labels = label_map((30 + item, 40), 1, 3 * number + item)
            values = grey(labels, 1, 60000, 3 * number + item).astype(np.uint16)
            (folder / f"tiles/pat_{number}").mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / f"tiles/pat_{number}/{item}.tif", values)
            tifffile.imwrite(
                folder / f"tiles/pat_{number}/{item}_mask.tif", labels.astype(np.uint16) * 65535
            )
    return settings(
        {
            "path": "tiles",
            "images": "{subject}/{item,[0-9]+}.tif",
            "masks": "{subject}/{item}_mask.tif",
            "labels": {65535: "cell"},
        },
        tensors={"normalisation": "scale", "size": [32, 48], "fit": "pad"},
        model=graph_network(folder / "net.onnx", 1),
    )


def dicom(folder: Path) -> dict[str, Any]:
    """Four patients with a DICOM series each, masks in NIfTI."""
    for number in range(4):
        labels = label_map((6, 24, 40), 2, number)
        values = grey(labels, 2, 1000, number).astype(np.int16)
        positions = [(5.0, -7.0, 2.0 * plane) for plane in range(len(values))]
        write_series(folder / f"ct/p{number}/series", values, positions)
        mask = SimpleITK.GetImageFromArray(labels)
        mask.SetSpacing((0.5, 0.75, 2.0))
        mask.SetOrigin((5.0, -7.0, 0.0))
        SimpleITK.WriteImage(mask, str(folder / f"ct/p{number}/liver.nii.gz"))
    return settings(
        {
            "path": "ct",
            "images": "{subject}/series/",
            "masks": "{subject}/liver.nii.gz",
            "labels": {1: "liver", 2: "tumour"},
        },
        tensors={"normalisation": "scale", "axis": 0},
        model=graph_network(folder / "net.onnx", 2),
    )


def nnunet(folder: Path) -> dict[str, Any]:
    """A data set in nnU-Net's form: two channels, two classes, a 3-D network."""
    root = folder / "Dataset001_Brain"
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True)
    for number in range(4):
        labels = label_map((12, 20, 24), 2, number)
        for channel in range(2):
            values = grey(labels, 2, 1, 2 * number + channel).astype(np.float32)
            SimpleITK.WriteImage(
                volume(values), str(root / f"imagesTr/p{number}_000{channel}.nii.gz")
            )
        SimpleITK.WriteImage(volume(labels), str(root / f"labelsTr/p{number}.nii.gz"))
    described = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "core": 1, "oedema": 2},
        "file_ending": ".nii.gz",
        "numTraining": 4,
    }
    (root / "dataset.json").write_text(json.dumps(described))
    return settings(
        {"source": "nnunet", "path": root.name},
        model=graph_network(folder / "net.onnx", 2, dimensions=3, channels=2),
    )


CASES: dict[str, Callable[[Path], dict[str, Any]]] = {
    make.__name__: make
    for make in (
        *(png_pairs, png_without_masks, nifti_slices, nifti_windows, tiff_16_bit, dicom),
        nnunet,
    )
}
"""Each writes a data set and its network into a folder, and returns the settings."""

if __name__ == "__main__":
    target = Path(sys.argv[2])
    target.mkdir(parents=True)
    written = CASES[sys.argv[1]](target)
    (target / "settings.yaml").write_text(json.dumps(written, indent=1))
