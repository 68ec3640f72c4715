"""Images, slices, windows and volumes on one path: from an item to labels on its own grid."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from segtrt.data.intensity import Intensity
from segtrt.data.preparation import Preparation
from segtrt.data.windows import Stitcher, Window, cut_into
from segtrt.quality.decode import Decoder

CLASSES = 2


def item(shape: tuple[int, ...]) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """An image whose grey level tells its label, and the labels: two blocks on the background."""
    labels = np.zeros(shape, np.uint8)
    labels[tuple(slice(n // 5, n // 2) for n in shape)] = 1
    labels[tuple(slice(n // 2, n - n // 5) for n in shape)] = 2
    return (labels.astype(np.uint16) * 1000 + 500)[np.newaxis], labels


def network(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of three classes from grey levels scaled to 0, 0.5 and 1."""
    levels = np.arange(CLASSES + 1).reshape(-1, *[1] * (patch.ndim - 1)) / CLASSES
    logits: NDArray[np.float32] = (-20 * (patch - levels) ** 2).astype(np.float32)
    return logits


@pytest.mark.parametrize(
    ("shape", "options", "size", "window"),
    [
        ((37, 41), {}, None, None),
        ((37, 41), {"size": (48, 64), "fit": "pad"}, (48, 64), None),
        ((37, 41), {"size": (111, 123)}, (111, 123), None),
        ((37, 41), {}, None, Window((16, 20), 0.5, "gaussian")),
        ((37, 41), {}, None, Window((64, 16), 0.25)),
        ((7, 37, 41), {"axis": 0}, None, Window((16, 16), 0.25, "gaussian")),
        ((37, 7, 41), {"axis": 1, "size": (64, 64), "fit": "pad"}, (64, 64), None),
        ((17, 21, 19), {}, None, Window((8, 32, 8), 0.5, "gaussian")),
        ((17, 21, 19), {"spacing": (1 / 3, 1, 1)}, None, Window((16, 16, 16), 0.25)),
    ],
)
def test_labels_end_on_the_items_own_grid(
    shape: tuple[int, ...], options: dict[str, Any], size: Any, window: Window | None
) -> None:
    """Three times as fine, every pixel's centre is one of the fine grid: linear is exact too."""
    image, labels = item(shape)
    spacing = (1.0,) * len(shape)
    preparation = Preparation(Intensity("scale"), **options)
    prepared = preparation.prepare(image, spacing)
    axes = 2 if preparation.axis is not None else len(shape)
    patches = cut_into(prepared.placement.grid, axes, size, window)
    decoder = Decoder.usual("none", CLASSES + 1)
    stitcher = Stitcher(patches, CLASSES + 1)
    slabs = []
    for patch in patches.cut(prepared.image):
        slabs += [decoder.labels(slab, "x") for slab in stitcher.add(network(patch)[np.newaxis])]
    found = prepared.placement.restore(decoder.finish(np.concatenate(slabs)))
    np.testing.assert_array_equal(found, labels)
