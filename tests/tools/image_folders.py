"""Small data sets of every format and shape of image, with an engine's settings for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
import tifffile
from dicom_series import write_series
from numpy.typing import NDArray
from PIL import Image
from prepared_shards import form
from proven_engine import Made, prove, spec_of
from segtrt.model.spec import NetworkSpec

Writer = Callable[[Path, NDArray[Any]], None]


def blobs(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth shapes, `shape` uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=[-(-side // 6) for side in shape])
    for axis, side in enumerate(shape):
        coarse = coarse.repeat(6, axis=axis).take(range(side), axis=axis)
    noisy = coarse + 0.2 * rng.normal(size=shape)
    return np.clip(128 + 50 * noisy, 0, 255).astype(np.uint8)


def write_png(path: Path, values: NDArray[Any]) -> None:
    """(rows, columns) or (rows, columns, 3)."""
    Image.fromarray(values).save(path)


def write_tiff(path: Path, values: NDArray[Any]) -> None:
    """In 16 bits."""
    tifffile.imwrite(path, values.astype(np.uint16) * 200)


def write_npy(path: Path, values: NDArray[Any]) -> None:
    """As float32."""
    np.save(path, values.astype(np.float32))


def write_volume(path: Path, values: NDArray[Any]) -> None:
    """With a spacing, an origin and a direction of its own."""
    image = SimpleITK.GetImageFromArray(values.astype(np.int16))
    if values.ndim == 3:
        image.SetSpacing((1.5, 0.75, 2.0))
        image.SetOrigin((-10.0, 5.0, 40.0))
        image.SetDirection((0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    SimpleITK.WriteImage(image, str(path))


def write_dicom(path: Path, values: NDArray[Any]) -> None:
    """A folder with a file for each slice."""
    places = [(0.0, 0.0, 2.5 * place) for place in range(len(values))]
    write_series(path, values.astype(np.int16), places)


@dataclass(frozen=True)
class Case:
    """A data set and what an engine for it is like."""

    pattern: str
    files: Mapping[str, tuple[int, ...]]
    """Path -> size of what is written there."""
    write: Writer
    spec: NetworkSpec
    tensors: Mapping[str, Any] = field(default_factory=dict)
    largest_component: bool = False

    def make(self, folder: Path) -> Made:
        """Write the images and prove an engine on them."""
        root = folder / "images"
        for seed, (name, shape) in enumerate(self.files.items()):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self.write(path, blobs(*shape, seed=seed))
        return prove(
            folder,
            root,
            form(self.pattern, None),
            self.spec,
            self.tensors,
            largest_component=self.largest_component,
        )


ZSCORE = {"normalisation": "zscore"}
SHARP = {"size": [12, 16], "overlap": 0.5, "blend": "gaussian"}
CASES = {
    "colour PNG": Case(
        "{subject}/{item}.png",
        {f"{one}/{n}.png": (24, 32, 3) for one in "ab" for n in (2, 10)},
        write_png,
        spec_of(3),
        {"normalisation": "scale", "range": [0, 255]},
        largest_component=True,
    ),
    "JPEG": Case("{item}.jpg", {"a.jpg": (22, 30), "b.jpg": (22, 30)}, write_png, spec_of()),
    "TIFF in windows": Case(
        "{item}.tif",
        {"a.tif": (40, 33), "b.tif": (25, 61), "c.tif": (9, 9)},
        write_tiff,
        spec_of(classes=3, activation="softmax"),
        {**ZSCORE, "window": SHARP},
        largest_component=True,
    ),
    "NPY of logits": Case(
        "{item}.npy",
        {"a.npy": (30, 40), "b.npy": (36, 20)},
        write_npy,
        spec_of(activation="none"),
        {**ZSCORE, "size": [32, 32], "fit": "pad"},
    ),
    "NIfTI in slices": Case(
        "{subject}.nii.gz",
        {"a.nii.gz": (9, 20, 24), "b.nii.gz": (14, 28, 20)},
        write_volume,
        spec_of(),
        {**ZSCORE, "axis": 1, "size": [24, 24], "spacing": [2.5, None, 1.0]},
        largest_component=True,
    ),
    "NRRD in channels": Case(
        "{subject}/{channel}.nrrd",
        {f"{one}/{kind}.nrrd": (12, 16, 16) for one in "ab" for kind in ("t2", "t1")},
        write_volume,
        spec_of(2, 3, 3, "softmax"),
        {**ZSCORE, "window": {"size": [8, 12, 12], "overlap": 0.25}},
        largest_component=True,
    ),
    "MetaImage with data beside": Case(
        "{item}.mhd",
        {"a.mhd": (8, 12, 12), "b.mhd": (8, 12, 12)},
        write_volume,
        spec_of(1, 3),
        ZSCORE,
    ),
    "DICOM": Case(
        "{item}/",
        {"a": (8, 12, 16), "b": (8, 12, 16)},
        write_dicom,
        spec_of(1, 3, 2, "none"),
        ZSCORE,
    ),
    "slices as volumes": Case(
        "{subject}/{item}.tif",
        {f"{one}/{n}.tif": (40, 48, 3) for one in "ab" for n in range(1, 6)},
        write_png,
        spec_of(3),
        {"normalisation": "volume", "size": [64, 64]},
        largest_component=True,
    ),
}
