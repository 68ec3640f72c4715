"""How a whole data set becomes patches of one size, by the settings and what the network takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from segtrt.data.intensity import Intensity
from segtrt.data.manifest import Grid
from segtrt.data.preparation import Preparation
from segtrt.data.windows import Patches, Window, cut_into
from segtrt.errors import SegtrtError, name_some
from segtrt.model.spec import NetworkSpec

_AUTHORS_SIZE = (256, 256)
"""What `volume` brings slices to unless the settings say otherwise, as the authors do."""


@dataclass(frozen=True)
class Encoding:
    """How items become patches."""

    preparation: Preparation
    window: Window | None
    channels: int
    """Of a patch."""
    patch: tuple[int, ...]
    """A patch's size, (H, W) or (D, H, W): the same for all items."""
    stacks: bool
    """Whether a subject's slices, each a file, are stacked to one item."""

    def cut(self, grid: Sequence[int]) -> Patches:
        """The patches of an item.

        Args:
            grid: `Placement.grid` of it.
        """
        return cut_into(grid, len(self.patch), self.patch, self.window)


def encoding_of(tensors: Mapping[str, Any], spec: NetworkSpec, grids: Sequence[Grid]) -> Encoding:
    """The encoding of a data set.

    Without `size` and `window`, whole images are patches, padded where the network asks for it.

    Args:
        tensors: the settings of that name, as JSON values.
        spec: what the network takes.
        grids: the different grids of the data set's items, at least one.

    Raises:
        SegtrtError: settings, network and images do not go together.
    """
    _check_channels(spec, grids)
    intensity = Intensity.from_json(tensors)
    flat = all(len(grid.size) == 2 for grid in grids)
    by_volume = intensity.normalisation == "volume"
    axis = tensors["axis"]
    if flat and axis is not None:
        raise SegtrtError(
            f"tensors.axis is {axis}, but the images are 2-D, not volumes; set it to null"
        )
    if by_volume and axis is None:
        axis = 0
    _check_axes(spec, 2 if flat or axis is not None else 3)
    size = None if tensors["size"] is None else tuple(tensors["size"])
    if by_volume and size is None:
        size = _fixed(spec) or spec.fit(_AUTHORS_SIZE)
    spacing = None if tensors["spacing"] is None else tuple(tensors["spacing"])
    preparation = Preparation(intensity, size, tensors["fit"], axis, spacing)
    cut = tensors["window"]
    window = None if cut["size"] is None else Window.from_json(cut)
    if window is not None:
        _check_fits(spec, window.size, "tensors.window.size")
        patch = window.size
    elif size is not None:
        _check_fits(spec, size, "tensors.size")
        patch = size
    else:
        patch, preparation = _whole(preparation, spec, grids)
    return Encoding(preparation, window, spec.channels, patch, by_volume and flat)


def _whole(
    preparation: Preparation, spec: NetworkSpec, grids: Sequence[Grid]
) -> tuple[tuple[int, ...], Preparation]:
    """The one patch size of whole images, and the preparation that pads to it.

    Images of that size are padded by nothing: so how one is prepared does not depend on the others,
    which are in other shards.
    """
    own = set()
    for grid in grids:
        kind = f"an image of size {_by(grid.size)}"
        preparation.check_size(grid.size, grid.spacing, kind)
        own.add(preparation.place(grid.size, grid.spacing).grid[-spec.dimensions :])
    try:
        sizes = {spec.fit(size) for size in own}
    except SegtrtError as error:
        raise SegtrtError(f"{error} with tensors.window, or set tensors.size") from None
    if len(sizes) > 1:
        listed = name_some(map(_by, sorted(own)), 5)
        raise SegtrtError(
            f"the images have {len(own)} sizes ({listed}), an engine takes patches of one size; "
            "set tensors.size or tensors.window"
        )
    (patch,) = sizes
    return patch, replace(preparation, size=patch, fit="pad")


def _by(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


def _fixed(spec: NetworkSpec) -> tuple[int, ...] | None:
    """The network's size, if no side is free."""
    sides = tuple(side for side in spec.size if side is not None)
    return sides if len(sides) == spec.dimensions else None


def _check_channels(spec: NetworkSpec, grids: Sequence[Grid]) -> None:
    found = grids[0].channels
    if found != spec.channels:
        raise SegtrtError(
            f"the images have {found} channel{'s' * (found != 1)}, the network takes "
            f"{spec.channels}; name the right files in dataset.images and dataset.channels, or "
            "convert the images"
        )


def _check_axes(spec: NetworkSpec, axes: int) -> None:
    if axes == spec.dimensions:
        return
    hint = "set tensors.axis to the axis to cut along" if axes == 3 else "it needs volumes"
    raise SegtrtError(
        f"the images are {axes}-D as the settings have them, the network is {spec.dimensions}-D; "
        f"{hint}"
    )


def _check_fits(spec: NetworkSpec, size: Sequence[int], setting: str) -> None:
    if len(size) == spec.dimensions and spec.fit(size) == tuple(size):
        return
    sides = [
        str(fixed) if fixed is not None else f"a multiple of {step}"
        for fixed, step in zip(spec.size, spec.multiple, strict=True)
    ]
    raise SegtrtError(
        f"{setting} is {list(size)}, but the network takes {' x '.join(sides)}; change it to that"
    )
