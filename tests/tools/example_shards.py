"""Small made-up shards of prepared images, and answers to them, item by item."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from segtrt.data.intensity import Intensity
from segtrt.data.labels import Labels
from segtrt.data.placement import Placement
from segtrt.data.preparation import Preparation
from segtrt.data.prepared import Prepared, PreparedItem, write_prepared
from segtrt.data.windows import Patches, Stitcher
from segtrt.quality.answers import kept_rows, write_answers
from segtrt.quality.decode import Decoder


@dataclass(frozen=True)
class Item:
    """One item: its truth and place."""

    subject: str
    name: str
    split: str
    truth: NDArray[np.uint8] | None
    """(*shape) uint8."""
    image: NDArray[np.float32]
    """(channels, *grid) float32."""
    placement: Placement | None = None
    patch: tuple[int, ...] | None = None
    """Size of a patch; None for the grid's last two axes."""
    overlap: float = 0.0
    spacing: tuple[float, ...] | None = None
    source: dict[str, Any] = field(default_factory=dict)

    def prepared(self) -> PreparedItem:
        """As a shard has it."""
        grid = self.image.shape[1:]
        placement = self.placement or Placement(grid, grid)
        name = f"{self.subject}/{self.subject}_{self.name}"
        source = self.source or {
            "subject": self.subject,
            "name": self.name,
            "images": [f"{name}.tif"],
            "mask": f"{name}_mask.tif",
            "files": [f"{name}.tif"],
            "output": f"{name}_mask.tif",
        }
        return PreparedItem(
            self.subject,
            self.name,
            self.split,
            source,
            placement,
            Patches(grid, self.patch or grid[-2:], self.overlap),
            self.spacing,
            self.truth is not None,
        )


def write_shard(
    path: Path, items: Sequence[Item], labels: Labels | None, patch: tuple[int, ...] | None = None
) -> Path:
    """Write items as a shard."""
    if patch is None:
        patch = (len(items[0].image), *items[0].prepared().patches.size)
    with write_prepared(path, Preparation(Intensity("none")), labels, patch) as writer:
        for item in items:
            writer.add(item.prepared(), item.image, item.truth)
    return path


def answer(
    path: Path,
    shard: Path,
    outputs: Sequence[NDArray[np.float32]],
    decoder: Decoder,
    *,
    by: str = "reference",
    budget: int = 2**30,
) -> Path:
    """Write answers whose raw outputs are patches of whole items' outputs.

    Args:
        path: the file to make.
        shard: the shard that is answered.
        outputs: (channels, *grid) float32 of each item; what is not finite counts as 0 in labels.
        decoder: how they become labels.
        by: who answers.
        budget: bytes of raw outputs that may be kept.
    """
    with Prepared(shard) as prepared:
        channels = len(outputs[0]) if len(outputs) else 1
        size = (channels, *prepared.patch[1:])
        rows = set(kept_rows(prepared, 4 * int(np.prod(size)), budget)) if len(outputs) else set()
        with write_answers(path, by, decoder, size) as writer:
            for item, output in zip(prepared.items, outputs, strict=True):
                patches = list(item.patches.cut(np.asarray(output, np.float32)))
                stitcher = Stitcher(item.patches, channels)
                slabs = []
                for row, patch in zip(item.rows, patches, strict=True):
                    if row in rows:
                        writer.keep(row, patch)
                    slabs += stitcher.add(np.nan_to_num(patch, posinf=0, neginf=0)[np.newaxis])
                whole = np.concatenate(slabs, axis=1)
                grid = whole.reshape(channels, *item.placement.grid)
                wrong = int(np.count_nonzero(~np.isfinite(output)))
                writer.add(decoder.labels(grid, by), wrong)
    return path
