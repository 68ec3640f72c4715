"""Networks, images and settings that go from source to report.

Of networks with random weights, truth is what the network itself answers, worked out here with
PyTorch alone. So the reference must reach a Dice of 1, and every step from a file to a mask on its
own grid has to be right for that. Two networks have real weights, and truth of their own.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
import torch
from known_networks import dbnet, deepbet, make_network
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from torch import nn

SUBJECTS = ("A", "B", "C")
LEVEL, SPREAD = 0.5, 0.25
"""Mean and deviation that grey values, scaled to 0..1, are normalised by."""
TOOLS = Path(__file__).parent
SCALED = {"normalisation": "scale", "range": [0, 255], "mean": [LEVEL], "std": [SPREAD]}
LAST = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
BRAIN = '''
import numpy as np

def prepare(image):
    """As the network's package does: clipped, then of one mean and deviation."""
    low, high = np.quantile(image, [0.005, 0.995])
    values = np.clip((image - low) / (high - low), 0, 1)
    return (0.226 * (values - values.mean()) / values.std() + 0.449).astype(np.float32)
'''
WORDS = ("network", "images", "engine", "volume", "tumour", "latency", "report", "batch", "proven")


def write_own(case: "Case", folder: Path) -> dict[str, Any]:
    """A library's network by a file of code, its weights in a checkpoint, and its own truth."""
    network = make_network(case.name, case.channels, case.dimensions)
    images = {
        subject: np.stack([blobs(case.sides, 10 * i + c) for c in range(case.channels)])
        for i, subject in enumerate(SUBJECTS)
    }
    balance(network, case.classes, [prepared(image) for image in images.values()])
    torch.save({"state_dict": network.state_dict(), "epoch": 1}, folder / "weights.pt")
    shutil.copy(TOOLS / "known_networks.py", folder)
    for subject, image in images.items():
        labels = scores_of(network, prepared(image))[0].argmax(0).numpy().astype(np.uint8)
        write_item(folder, subject, image, labels)
    function = case.name.removesuffix("_2d").removesuffix("_3d")
    model = {"network": f"known_networks.py:{function}", "weights": "weights.pt"}
    return {"model": {**model, "arguments": case.arguments}, "tensors": SCALED}


def write_brain(_: "Case", folder: Path) -> dict[str, Any]:
    """TorchScript that finds the brain, a T1 image of the head, and its mirror image.

    Axes go from left to right first, as the network had them.
    """
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_template

    head = load_mni152_template(resolution=2).get_fdata(dtype=np.float32)
    brain = (load_mni152_brain_mask(resolution=2).get_fdata() > 0).astype(np.uint8)
    write_item(folder, "A", head[np.newaxis], brain)
    write_item(folder, "B", head[np.newaxis, ::-1], brain[::-1])
    shutil.copy(deepbet(), folder / "brain.pt")
    (folder / "brain.py").write_text(BRAIN)
    tensors = {"normalisation": "brain.py:prepare", "size": [96, 96, 96]}
    return {"model": {"network": "brain.pt"}, "tensors": tensors}


def write_text(case: "Case", folder: Path) -> dict[str, Any]:
    """An ONNX file that finds lines of text, a little smaller than they are, and drawn pages."""
    for number, subject in enumerate(SUBJECTS):
        rng = np.random.default_rng(number)
        page = Image.new("RGB", case.sides[::-1], (235, 240, 230))
        lines = np.zeros(case.sides, np.uint8)
        top = 12
        while top < case.sides[0] - 40:
            font = ImageFont.load_default(size=int(rng.integers(16, 26)))
            words, left = " ".join(rng.choice(WORDS, 2)), int(rng.integers(6, 30))
            ImageDraw.Draw(page).text((left, top), words, fill=(20, 20, 40), font=font)
            box = ImageDraw.Draw(page).textbbox((left, top), words, font=font)
            first, upper, last, lower = map(int, box)
            margin = (lower - upper) // 5
            lines[upper + margin : lower - margin, first + margin : last - margin] = 1
            top = lower + int(rng.integers(12, 24))
        write_item(folder, subject, np.moveaxis(np.asarray(page), -1, 0), lines)
    shutil.copy(dbnet(), folder / "text.onnx")
    return {
        "model": {"network": "text.onnx"},
        "tensors": {**SCALED, "std": [0.5]},
        "validation": {"decide": {"threshold": 0.3}},
    }


@dataclass(frozen=True)
class Case:
    """A network, and what is known of it."""

    name: str
    channels: int
    sides: tuple[int, ...]
    """Of an image, (rows, columns) or (slices, rows, columns)."""
    classes: int
    """Channels of its answers."""
    arguments: dict[str, Any] = field(default_factory=dict)
    stride: int = 1
    activation: str = "none"
    note: str = "classes of logits are taken to exclude each other"
    """Part of what is reported of the choices made."""
    labels: tuple[str, ...] = ()
    write: "Callable[[Case, Path], dict[str, Any]]" = write_own
    quality: float = 0.9995
    """Least Dice of the reference and of engines in fp32."""
    others: float = 0.0
    """Least Dice of other engines: random weights bring classes so close that it says nothing."""
    int8_error: float = 0.3
    """Largest root mean square of an int8 engine's error, over the answers' spread."""
    runtimes: tuple[str, ...] = ("onnxruntime", "openvino")
    precisions: tuple[str, ...] = ("fp32", "bf16", "int8")

    @property
    def dimensions(self) -> int:
        """2 for pictures, 3 for volumes."""
        return len(self.sides)

    @property
    def suffix(self) -> str:
        """Of the images' files."""
        return "png" if self.dimensions == 2 else "nii.gz"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each label."""
        return self.labels or tuple(f"class {n}" for n in range(1, self.classes))

    def write_all(self, folder: Path) -> dict[str, Any]:
        """Write network and images; returns the settings."""
        for name in ("images", "masks"):
            (folder / name).mkdir()
        return {
            **self.write(self, folder),
            "dataset": {
                "images": f"images/{{subject}}.{self.suffix}",
                "masks": f"masks/{{subject}}.{self.suffix}",
                "labels": dict(enumerate(self.class_names, 1)),
                "calibration_fraction": 0.4,
            },
            "engines": {
                "runtimes": self.runtimes,
                "batch_sizes": [1],
                "precisions": self.precisions,
                "on_unsupported": "skip",
            },
            "inference": {"iterations": 2, "max_seconds": 0.1, "warmup_max_seconds": 0.1},
        }


def blobs(shape: tuple[int, ...], seed: int) -> NDArray[np.uint8]:
    """Grey values 0 to 255 that change over a few pixels."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(0, 1, shape), 2.0)
    low, high = noise.min(), noise.max()
    return np.asarray(((noise - low) / (high - low) * 255).round().astype(np.uint8))


def prepared(image: NDArray[np.uint8]) -> torch.Tensor:
    """What the network gets of an image: (1, channels, *sides) float32."""
    values = (image[np.newaxis].astype(np.float32) / 255 - LEVEL) / SPREAD
    return torch.from_numpy(values.astype(np.float32))


def scores_of(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The segmentation's logits (images, classes, *sides), at full size."""
    with torch.no_grad():
        answer = network(images)
    if isinstance(answer, dict):
        answer = answer["logits"] if "logits" in answer else answer["out"]
    elif isinstance(answer, list | tuple):
        answer = answer[0]
    if answer.shape[2:] != images.shape[2:]:
        answer = nn.functional.interpolate(
            answer, images.shape[2:], mode="bilinear", align_corners=False
        )
    scores: torch.Tensor = answer
    return scores


def balance(network: nn.Module, classes: int, images: list[torch.Tensor]) -> None:
    """Change the last bias so that no class wins everywhere."""

    def means() -> torch.Tensor:
        return torch.cat([scores_of(network, one).flatten(2)[0] for one in images], 1).mean(1)

    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, LAST) and layer.out_channels == classes and layer.bias is not None:
                off, before = means(), layer.bias.clone()
                layer.bias -= off
                if means().abs().max() < 1e-3:
                    return
                layer.bias.copy_(before)
    raise AssertionError("no bias moves the answers")


def write_item(folder: Path, name: str, image: NDArray[Any], labels: NDArray[np.uint8]) -> None:
    """An image (channels, *sides) and its labels: PNG, or NIfTI of 2 mm in 3-D."""
    if labels.ndim == 2:
        Image.fromarray(np.moveaxis(image, 0, -1).squeeze()).save(folder / f"images/{name}.png")
        Image.fromarray(labels).save(folder / f"masks/{name}.png")
        return
    for place, values in (("images", image[0]), ("masks", labels)):
        volume = SimpleITK.GetImageFromArray(np.ascontiguousarray(values))
        volume.SetSpacing((2.0, 2.0, 2.0))
        SimpleITK.WriteImage(volume, str(folder / f"{place}/{name}.nii.gz"))


TWO_D, THREE_D = {"dimensions": 2}, {"dimensions": 3}
CASES = [
    Case("monai_unet_2d", 1, (48, 40), 2, TWO_D),
    Case("smp_unet", 3, (64, 64), 4),
    Case("deeplab", 3, (64, 64), 3, note="out is used (of full size)"),
    Case("segformer", 3, (64, 96), 3, stride=4, note="1/4 of the images' size"),
    Case("segresnet_2d", 1, (48, 40), 2, TWO_D),
    Case("nnunet_2d", 1, (48, 40), 3, TWO_D, note="0 is used"),
    Case("monai_unet_3d", 1, (24, 20, 16), 2, THREE_D),
    Case("segresnet_3d", 1, (24, 32, 16), 2, THREE_D),
    Case("nnunet_3d", 1, (24, 32, 16), 3, THREE_D, note="0 is used"),
    Case(
        *("brain", 1, (99, 117, 95), 2),
        activation="softmax",
        note="",
        labels=("brain",),
        write=write_brain,
        quality=0.97,
        others=0.97,
    ),
    Case(
        *("text", 3, (256, 256), 1),
        activation="sigmoid",
        note="",
        labels=("text",),
        write=write_text,
        quality=0.7,
        others=0.6,
        int8_error=0.8,  # a single page for calibration
    ),
]
QUICK = replace(CASES[6], runtimes=("openvino",), precisions=("fp32", "int8"))
"""A network in 3-D with few engines."""
