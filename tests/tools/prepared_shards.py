"""Shards of prepared images made of arrays, and data sets listed and encoded as the rules do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from segtrt.config.resolve import resolve_config
from segtrt.data.encode import encode_shard
from segtrt.data.form import Form, form_of
from segtrt.data.intensity import Intensity
from segtrt.data.labels import Labels
from segtrt.data.layout import KAGGLE
from segtrt.data.make_manifest import write_manifest
from segtrt.data.placement import Placement
from segtrt.data.preparation import Preparation
from segtrt.data.prepared import PreparedItem, write_prepared
from segtrt.data.scan import Demands
from segtrt.data.windows import Patches
from segtrt.model.network_file import UNET
from segtrt.model.spec import NetworkSpec

TUMOUR = Labels.of({255: "tumour"})
FORM = Form(KAGGLE, TUMOUR)


@dataclass(frozen=True)
class Made:
    """An item to write."""

    subject: str
    name: str
    image: NDArray[np.float32]
    """(channels, *size)."""
    truth: NDArray[np.uint8] | None = None
    """(*size) labels."""
    split: str = "evaluation"
    size: tuple[int, ...] | None = None
    """Of patches; None for the whole image."""
    axis: int | None = None
    """The axis that is cut into slices; they must come first."""


def write_shard(
    path: Path,
    items: Sequence[Made],
    patch: tuple[int, ...] | None = None,
    labels: Labels | None = TUMOUR,
) -> Path:
    """Write items as they are; `patch` is needed if there is none."""
    preparation = Preparation(Intensity("none"))
    if patch is None:
        shape = items[0].image.shape
        patch = (shape[0], *(items[0].size or shape[1:]))
    with write_prepared(path, preparation, labels, patch) as writer:
        for made in items:
            shape = made.image.shape[1:]
            item = PreparedItem(
                subject=made.subject,
                name=made.name,
                split=made.split,
                source={
                    "subject": made.subject,
                    "name": made.name,
                    "images": [f"{made.subject}/{made.name}.png"],
                    "mask": None,
                    "files": [f"{made.subject}/{made.name}.png"],
                    "output": f"{made.subject}/{made.name}",
                },
                placement=Placement(shape, shape, made.axis),
                patches=Patches(shape, made.size or shape),
                spacing=None,
                has_truth=made.truth is not None,
            )
            writer.add(item, made.image, made.truth)
    return path


def list_folder(
    root: Path,
    out: Path,
    *,
    form: Form = FORM,
    demands: Demands | None = None,
    subjects: Sequence[str] | None = None,
    shards: int = 1,
    calibration_fraction: float = 0.2,
    on_bad_subject: str = "fail",
) -> list[Path]:
    """List a data set; its manifest is `out`/manifest.json, the shards' paths are returned."""
    paths = [out / f"shard_{shard:02d}.json" for shard in range(shards)]
    write_manifest(
        root,
        form,
        demands or Demands(),
        manifest_path=out / "manifest.json",
        shard_paths=paths,
        subjects=subjects,
        calibration_fraction=calibration_fraction,
        seed=0,
        on_bad_subject=on_bad_subject,
    )
    return paths


def encode(  # noqa: PLR0917 - as a job has it
    shard: Path,
    root: Path,
    out: Path,
    tensors: Mapping[str, Any] | None = None,
    spec: NetworkSpec = UNET,
    labels: Labels | None = TUMOUR,
) -> Path:
    """Encode a listed shard by settings `tensors`, completed with defaults."""
    encode_shard(
        shard, root, out, tensors=encoding_settings(tensors or {}), spec=spec, labels=labels
    )
    return out


def encoding_settings(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Settings `tensors` as JSON values, completed with defaults."""
    return resolve_config({"tensors": tensors}).tensors.encoding


def form(images: str, masks: str | None, root: Path = Path(), **more: Any) -> Form:
    """The form of patterns."""
    return form_of(root, nnunet=False, images=images, masks=masks, **more)
