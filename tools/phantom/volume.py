"""Semi-synthetic MR subjects: real anatomy from a public template, made-up scanner and lesion.

A subject is the ICBM 152 brain, turned, scaled and bent at random, with skull, scalp and face
around it and one glioma-like lesion inside, seen by three sequences in the channel order of the
Kaggle LGG set (pre-contrast T1, FLAIR, post-contrast T1). The same seed gives the same bytes.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from segtrt.errors import SegtrtError

from phantom.anatomy import grow_lesion
from phantom.contrast import acquire, render
from phantom.fields import Grid
from phantom.templates import Templates, load_templates
from phantom.tiff import Compression, write_tiff

__all__ = ["Compression", "Templates", "load_templates", "make_subject", "write_subject"]

SIZE = 256
"""Rows and columns of a slice."""
MAX_SLICES = 100


def make_subject(
    templates: Templates, seed: int, slices: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make one subject.

    Args:
        templates: from `load_templates`.
        seed: which subject, 0 or more; anatomy, lesion and sequences follow from it.
        slices: 1 to 100, spread evenly from the skull base to the vertex.

    Returns:
        images: (slices, 256, 256, 3) uint8, pre-contrast, FLAIR, post-contrast; 0 outside the head.
        masks: (slices, 256, 256) uint8, 255 where the lesion is and 0 elsewhere; one connected
            piece, so the slices with lesion follow each other.

    Raises:
        ValueError: `slices` or `seed` out of range.
    """
    if not 1 <= slices <= MAX_SLICES or seed < 0:
        raise ValueError(f"1 to {MAX_SLICES} slices and a seed of 0 or more, got {slices}, {seed}")
    rng = np.random.Generator(np.random.PCG64(seed))
    grid = _make_grid(rng, slices)
    head, lesion = grow_lesion(rng, templates, grid)
    channels = render(rng, grid, head, lesion)
    inside = head.skin_mm < 0.5
    images = np.stack([acquire(rng, grid, channel, inside) for channel in channels], axis=-1)
    return images, np.where(lesion.mask, np.uint8(255), np.uint8(0))


def _make_grid(rng: np.random.Generator, slices: int) -> Grid:
    """Axial slices over the head in a square field of view."""
    field_mm = rng.uniform(212, 232)
    bottom, top = rng.uniform([-50, 76], [-44, 84])
    pixel = (np.arange(SIZE) + 0.5 - SIZE / 2) * field_mm / SIZE
    heights = np.linspace(bottom, top, slices) if slices > 1 else np.array([(bottom + top) / 2])
    return Grid(z=heights, y=-pixel, x=pixel)


def write_subject(
    folder: Path,
    name: str,
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    compression: Compression = Compression.DEFLATE,
) -> None:
    """Write a subject in the Kaggle layout: `name_1.tif`, `name_1_mask.tif`, ...

    Args:
        folder: the data set's folder; the subject's own, `folder/name`, is made in it.
        name: the subject's name.
        images: (slices, height, width, 3) uint8.
        masks: (slices, height, width) uint8, 0 or 255.
        compression: `Compression.NONE` stores pixels as the Kaggle set does.

    Raises:
        SegtrtError: the subject's folder holds other images, which would pass for its slices.
    """
    own = {
        f"{name}_{number}{kind}.tif"
        for number in range(1, len(images) + 1)
        for kind in ("", "_mask")
    }
    others = sorted({path.name for path in (folder / name).glob("*.tif")} - own)
    if others:
        raise SegtrtError(
            f"{folder / name} already holds {len(others)} other images, e.g. {others[0]}; expected "
            "an absent folder or the same subject's; delete it or write elsewhere"
        )
    for number, (image, mask) in enumerate(zip(images, masks, strict=True), start=1):
        write_tiff(folder / name / f"{name}_{number}.tif", image, compression)
        write_tiff(folder / name / f"{name}_{number}_mask.tif", mask, compression)
