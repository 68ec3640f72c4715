"""An image in memory, brought to the network's patches as the engine was proven with."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from segtrt.data.preparation import Prepared
from segtrt.data.windows import Patches
from segtrt.deploy.segmentation import Segmentation
from segtrt.errors import SegtrtError


def prepare_array(
    segmentation: Segmentation, image: NDArray[Any], spacing: Sequence[float] | None
) -> tuple[Prepared, Patches]:
    """Prepare an image.

    Args:
        segmentation: how.
        image: (channels, *size), 2-D or 3-D, any type of real number; where a subject's images are
            stacked, (channels, images, rows, columns).
        spacing: mm along each axis of `size`, if it is known.

    Returns:
        The image on the network's grid, and its patches.

    Raises:
        SegtrtError: the network is for other images.
    """
    network, preparation = segmentation.network, segmentation.preparation
    if len(image) != network.channels:
        raise SegtrtError(
            f"it has {len(image)} channel{'s' * (len(image) != 1)}, the network takes "
            f"{network.channels}; convert it, or give the files of all channels"
        )
    axes = image.ndim - 1 - (preparation.axis is not None)
    if axes != network.dimensions:
        kind = "images" if network.dimensions + (preparation.axis is not None) == 2 else "volumes"
        raise SegtrtError(f"it has {image.ndim - 1} axes, but the engine was proven on {kind}")
    if preparation.fit == "pad" and preparation.size is not None and not segmentation.crops:
        own = replace(preparation, size=None).place(image.shape[1:], spacing).grid
        if any(a > b for a, b in zip(own[-network.dimensions :], preparation.size, strict=True)):
            raise SegtrtError(
                f"it is of size {' x '.join(map(str, image.shape[1:]))}, larger than the engine's "
                f"{' x '.join(map(str, preparation.size))}; prove an engine with tensors.window or "
                "tensors.size on such images"
            )
    prepared = preparation.prepare(image, spacing)
    return prepared, segmentation.encoding.cut(prepared.placement.grid)
