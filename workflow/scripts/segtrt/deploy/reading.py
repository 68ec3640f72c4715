"""Images read and prepared ahead of the engine, in threads and in bounded memory."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.arrays import Images
from segtrt.data.formats.read import read_image
from segtrt.data.layout import Item
from segtrt.data.prepared import PreparedItem, source_of
from segtrt.deploy.arrays import prepare_array
from segtrt.deploy.segmentation import Segmentation
from segtrt.errors import SegtrtError, describe_os_error

READ_AHEAD_BYTES = 512 * 2**20
"""Prepared images in hand at once, if there are several; one alone may be larger."""


@dataclass(frozen=True)
class Unit:
    """What becomes one prepared item: an image, or a subject's slices that are stacked."""

    items: tuple[Item, ...]
    group: int
    """Which images' masks are made together with its own."""


@dataclass(frozen=True)
class Ready:
    """A unit on the network's grid."""

    unit: Unit
    item: PreparedItem
    image: NDArray[np.float32]
    """(channels, *grid)."""


def read_ahead(
    pool: ThreadPoolExecutor, units: Sequence[Unit], segmentation: Segmentation, ahead: int
) -> Iterator[tuple[Unit, Ready | str]]:
    """Read and prepare units in threads, and yield them in order.

    Args:
        pool: the threads.
        units: what to read.
        segmentation: how images are prepared.
        ahead: the most units in hand; fewer where they would not fit into `READ_AHEAD_BYTES`.

    Yields:
        Each unit, prepared, or in words why it cannot be.
    """
    waiting = deque(units)
    pending: deque[tuple[Unit, Future[Ready | str]]] = deque()
    largest = 0
    while waiting or pending:
        # How large units are is known from the first one on.
        room = ahead if largest else 1
        while waiting and len(pending) < room:
            if pending and largest * (len(pending) + 1) > READ_AHEAD_BYTES:
                break
            unit = waiting.popleft()
            pending.append((unit, pool.submit(partial(prepare_unit, unit, segmentation))))
        unit, future = pending.popleft()
        found = future.result()
        if isinstance(found, Ready):
            largest = max(largest, found.image.nbytes, 1)
        yield unit, found


def prepare_unit(unit: Unit, segmentation: Segmentation) -> Ready | str:
    """Read and prepare a unit; a line that says why, if it cannot be."""
    try:
        array, spacing = _read(unit, segmentation.stacks)
        prepared, patches = prepare_array(segmentation, array, spacing)
    except OSError as error:
        return describe_os_error(error)
    except SegtrtError as error:
        first = unit.items[0]
        path = str(first.root / first.images[0])
        return str(error) if path in str(error) else f"{path}: {error}"
    except MemoryError:
        return f"{unit.items[0].root / unit.items[0].images[0]} does not fit into memory"
    item = PreparedItem(
        subject=unit.items[0].subject,
        name=unit.items[0].name,
        split="evaluation",
        source=source_of(unit.items),
        placement=prepared.placement,
        patches=patches,
        spacing=spacing,
        has_truth=False,
    )
    return Ready(unit, item, prepared.image)


def _read(unit: Unit, stacks: bool) -> tuple[NDArray[Any], tuple[float, ...] | None]:
    images = [read_image(item) for item in unit.items]
    if not stacks:
        geometry = images[0].geometry
        return images[0].array, None if geometry is None else geometry.spacing
    sizes = {image.array.shape for image in images}
    if len(sizes) > 1:
        raise SegtrtError("its subject's slices are of several sizes, but they are stacked")
    return np.stack([image.array for image in images], axis=1), None


def batches_of(ready: Iterator[Ready], size: int) -> Iterator[tuple[Images, list[Ready]]]:
    """Batches of patches, one image after another, and whose each patch is.

    Args:
        ready: prepared images.
        size: of a batch; the last one may be smaller.
    """
    patches: list[NDArray[np.float32]] = []
    owners: list[Ready] = []
    for one in ready:
        for patch in one.item.patches.cut(one.image):
            patches.append(patch)
            owners.append(one)
            if len(patches) == size:
                yield np.stack(patches), owners
                patches, owners = [], []
    if patches:
        yield np.stack(patches), owners
