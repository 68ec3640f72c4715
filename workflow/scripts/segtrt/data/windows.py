"""Items larger than the network's input: cut into overlapping patches, and stitched again.

Offsets, weights and padding are those of MONAI's `sliding_window_inference`
(https://docs.monai.io/en/stable/inferers.html), so that a network trained and judged there gives
the same here. A whole image is the case of one patch, and slices of a volume for a 2-D network are
windows one slice thick: everything is `patches` of an item, each with an offset.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from segtrt.errors import SegtrtError

Blend = Literal["constant", "gaussian"]
"""How overlapping patches are weighted: alike, or less towards their edges."""

BLENDS: tuple[Blend, ...] = get_args(Blend)

_SIGMA = 0.125
"""Standard deviation of the gaussian, as a share of the patch's side; MONAI's default."""

_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class Window:
    """What the settings say of windows.

    Raises:
        SegtrtError: no such window.
    """

    size: tuple[int, ...]
    """The network's input, (H, W) or (D, H, W)."""
    overlap: float = 0.25
    """Share of the side by which neighbours overlap, from 0 to below 1."""
    blend: Blend = "constant"

    def __post_init__(self) -> None:
        if min(self.size, default=0) < 1:
            raise SegtrtError(
                f"tensors.window.size is {list(self.size)}; expected whole numbers above 0"
            )
        if not 0 <= self.overlap < 1:
            raise SegtrtError(
                f"tensors.window.overlap is {self.overlap}; expected 0 or more and below 1"
            )
        if self.blend not in BLENDS:
            raise SegtrtError(
                f"tensors.window.blend is {self.blend!r}; expected {' or '.join(BLENDS)}"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"size": list(self.size), "overlap": self.overlap, "blend": self.blend}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError, SegtrtError: `data` is something else.
        """
        size = tuple(int(side) for side in data["size"])
        return cls(size, float(data["overlap"]), data["blend"])


@dataclass(frozen=True)
class Patches:
    """The patches that an item on the network's grid is cut into, in row-major order of offsets.

    Offsets are pixels of the padded grid: where the grid is smaller than a window, it lies in the
    middle of zeros.
    """

    grid: tuple[int, ...]
    """(H, W), (D, H, W) or, for a 2-D network, (slices, H, W)."""
    size: tuple[int, ...]
    """A patch's size as the network sees it; one axis less than `grid` for slices."""
    overlap: float = 0.0
    blend: Blend = "constant"

    def __post_init__(self) -> None:
        if len(self.grid) - len(self.size) not in (0, 1):
            raise SegtrtError(
                f"tensors.window.size is {list(self.size)}, but an item's grid is "
                f"{list(self.grid)}; expected {len(self.grid)} numbers"
            )

    @property
    def window(self) -> tuple[int, ...]:
        """A patch's size on the grid: one slice thick where slices are cut for a 2-D network."""
        return (1,) * (len(self.grid) - len(self.size)) + self.size

    @property
    def padded(self) -> tuple[int, ...]:
        """The grid's size, padded to a window where it is smaller."""
        return tuple(map(max, self.grid, self.window))

    @property
    def margins(self) -> tuple[int, ...]:
        """Pixels of padding before the grid, along each axis."""
        return tuple((p - g) // 2 for p, g in zip(self.padded, self.grid, strict=True))

    @cached_property
    def starts(self) -> tuple[tuple[int, ...], ...]:
        """For each axis the offsets along it, ascending."""
        return tuple(
            _starts(length, side, self.overlap)
            for length, side in zip(self.padded, self.window, strict=True)
        )

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """Each patch's first pixel on the padded grid."""
        return product(*self.starts)

    def __len__(self) -> int:
        return math.prod(map(len, self.starts))

    def cut(self, image: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Cut an item into its patches, one at a time.

        Args:
            image: (channels, *grid) float32.

        Yields:
            (channels, *size) float32, contiguous.
        """
        if image.shape[1:] != self.grid:
            raise ValueError(f"(channels, *{self.grid}) expected, got {image.shape}")
        for offset in self.offsets():
            yield self._cut_at(image, offset)

    def patch(self, image: NDArray[np.float32], place: int) -> NDArray[np.float32]:
        """The patch at one place of their order, (channels, *size) float32.

        Args:
            image: (channels, *grid) float32.
            place: 0 to the number of patches less 1.
        """
        indices = np.unravel_index(place, tuple(map(len, self.starts)))
        offset = tuple(starts[index] for starts, index in zip(self.starts, indices, strict=True))
        return self._cut_at(image, offset)

    def _cut_at(self, image: NDArray[np.float32], offset: tuple[int, ...]) -> NDArray[np.float32]:
        source, target = [slice(None)], [slice(None)]
        places = zip(offset, self.margins, self.window, self.grid, strict=True)
        for start, margin, side, length in places:
            begin = start - margin
            first, last = max(begin, 0), min(begin + side, length)
            source.append(slice(first, last))
            target.append(slice(first - begin, last - begin))
        patch = np.zeros((len(image), *self.window), np.float32)
        patch[tuple(target)] = image[tuple(source)]
        return patch.reshape(len(image), *self.size)

    def weights(self) -> NDArray[np.float32]:
        """How much each pixel of a patch counts where patches overlap, (*window) above 0."""
        if self.blend == "constant":
            return np.ones(self.window, np.float32)
        weights: NDArray[Any] = np.ones((), np.float64)
        for side in self.window:
            distance = np.arange(side) - (side - 1) / 2
            bell = np.exp(-(distance**2) / (2 * (side * _SIGMA) ** 2))
            weights = weights[..., np.newaxis] * bell
        raised: NDArray[np.float32] = np.maximum(weights, _LEAST_WEIGHT).astype(np.float32)
        return raised


def cut_into(
    grid: Sequence[int], axes: int, size: Sequence[int] | None, window: Window | None
) -> Patches:
    """The patches of an item.

    Args:
        grid: the item's size on the network's grid (`Placement.grid`).
        axes: the network's spatial axes, 2 or 3.
        size: what the network must have, or None for any size.
        window: None for whole images, slices or volumes.

    Raises:
        SegtrtError: the grid is not of that size and there is no window, or the window is of
            another number of axes.
    """
    whole = tuple(grid[len(grid) - axes :])
    if window is not None:
        if len(window.size) != axes:
            raise SegtrtError(
                f"tensors.window.size is {list(window.size)}; expected {axes} numbers, one for "
                "each of the network's axes"
            )
        return Patches(tuple(grid), window.size, window.overlap, window.blend)
    if size is not None and whole != tuple(size):
        raise SegtrtError(
            f"an image of {' x '.join(map(str, whole))} does not fit the network's "
            f"{' x '.join(map(str, size))}; set tensors.size or tensors.window"
        )
    return Patches(tuple(grid), whole)


class Stitcher:
    """Puts an item together from its patches' outputs, slab by slab.

    Memory holds one row of windows: (classes, window's first side, *rest of the padded grid), and
    the same once for the weights. A slab is handed out as soon as no later patch reaches it.
    """

    def __init__(self, patches: Patches, classes: int) -> None:
        """`classes`: the network's output channels."""
        self._patches = patches
        self._offsets = patches.offsets()
        self._weights = patches.weights()
        row = (patches.window[0], *patches.padded[1:])
        self._sum = np.zeros((classes, *row), np.float32)
        self._weight = np.zeros(row, np.float32)
        self._start = 0
        self._missing = len(patches)

    @property
    def missing(self) -> int:
        """Patches that have not come yet; at 0 all slabs have been handed out."""
        return self._missing

    def add(self, outputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Add the next patches' outputs, in the order of `Patches.offsets`.

        Args:
            outputs: (patches, classes, *size) float32.

        Returns:
            Slabs that are complete now, in order, each (classes, planes, *rest of the grid):
            one after another along axis 1 they are the item's whole output, (classes, *grid).

        Raises:
            ValueError: outputs of another shape, or more than the item has patches.
        """
        classes, side = len(self._sum), self._patches.window[0]
        expected = (classes, *self._patches.size)
        if outputs.shape[1:] != expected or len(outputs) > self._missing:
            raise ValueError(
                f"at most {self._missing} outputs of {expected} expected, got {outputs.shape}"
            )
        done = []
        for output in outputs:
            first, *rest = next(self._offsets)
            if first != self._start:
                done.append(self._finish(first - self._start))
            place = tuple(
                slice(begin, begin + length)
                for begin, length in zip(rest, self._patches.window[1:], strict=True)
            )
            window = output.reshape(classes, *self._patches.window)
            self._sum[:, :, *place] += window * self._weights
            self._weight[:, *place] += self._weights
            self._missing -= 1
        if len(outputs) and not self._missing:
            done.append(self._finish(side))
        return [slab for slab in done if slab.shape[1]]

    def _finish(self, planes: int) -> NDArray[np.float32]:
        """Hand out the first planes, and move the rest up."""
        patches = self._patches
        inside = [
            slice(margin, margin + length)
            for margin, length in zip(patches.margins, patches.grid, strict=True)
        ]
        first = max(inside[0].start - self._start, 0)
        last = min(max(inside[0].stop - self._start, first), planes)
        part = (slice(first, last), *inside[1:])
        slab: NDArray[np.float32] = self._sum[:, *part] / self._weight[part]
        for buffer in (self._weight, *self._sum):
            kept = len(buffer) - planes
            buffer[:kept] = buffer[planes:].copy()
            buffer[kept:] = 0
        self._start += planes
        return slab


def _starts(length: int, side: int, overlap: float) -> tuple[int, ...]:
    """Offsets along one axis: even steps, the last moved back so that it ends with the axis."""
    step = side if length == side else max(1, int(side * (1 - overlap)))
    count = max(0, math.ceil((length - side) / step)) + 1
    return tuple(min(index * step, length - side) for index in range(count))
