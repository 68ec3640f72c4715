"""Items read: images as they are stored, masks as label maps, and both of them checked."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.image import Image
from segtrt.data.formats.kinds import HEAD_BYTES, Format, format_of
from segtrt.data.labels import Labels
from segtrt.data.layout import Item
from segtrt.errors import SegtrtError


def read_image(item: Item) -> Image:
    """Read an item's image, its channels' files stacked in their order.

    Returns:
        (channels, rows, columns) or (channels, slices, rows, columns), type as stored (of channels
        of several types, the narrowest that holds all), upright, and where it lies.

    Raises:
        SegtrtError: a file is missing, damaged or of a kind that cannot be read, or channels differ
            in size or place.
    """
    channels = [_load(item.root / path, _files_of(item, path)) for path in item.images]
    first = channels[0]
    if len(channels) == 1:
        return first
    for path, channel in zip(item.images, channels, strict=True):
        if len(channel.array) != 1:
            raise SegtrtError(
                f"{item.root / path} holds {len(channel.array)} channels, expected one in each "
                "channel's file; split it"
            )
        _check_same_grid(item, path, channel, item.images[0], first)
    array = np.concatenate([channel.array for channel in channels])
    return Image(array, first.geometry, first.orientation)


def read_mask(path: Path, labels: Labels) -> NDArray[np.uint8]:
    """Read a mask as a label map, (*size) uint8: 0 background, 1 to C the classes, 255 ignored.

    Args:
        path: the file, or the folder of a DICOM series.
        labels: which values stand for which class.

    Raises:
        SegtrtError: as `read_image`, it has several channels, or values that are no labels.
    """
    return _labelled(path, _load(path, (), indices=True), labels)


def read_item(item: Item, labels: Labels) -> tuple[Image, NDArray[np.uint8] | None]:
    """Read an item's image and its mask, and check that the mask lies over the image.

    Returns:
        The image (`read_image`), and the label map (`read_mask`) of the same size; None where the
        layout has no masks.

    Raises:
        SegtrtError: as `read_image` and `read_mask`, or mask and image differ in size, place or in
            the way they are turned.
    """
    image = read_image(item)
    if item.mask is None:
        return image, None
    path = item.root / item.mask
    mask = _load(path, _files_of(item, item.mask), indices=True)
    if mask.size != image.size and 1 in (image.size[0], mask.size[0]):
        mask = _with_axes_of(mask, image)
    _check_same_grid(item, item.mask, mask, item.images[0], image)
    return image, _labelled(path, mask, labels)


def read_file(path: Path, *, indices: bool = False) -> Image:
    """Read one file, by its content rather than its name.

    Raises:
        SegtrtError: it is missing, damaged or of a kind that cannot be read.
    """
    try:
        with path.open("rb") as handle:
            head = handle.read(HEAD_BYTES)
    except OSError as error:
        raise SegtrtError(
            f"{path} cannot be read ({error.strerror}); put the file back or leave its subject out"
        ) from None
    form = format_of(path, head)
    if isinstance(form, str):
        raise SegtrtError(f"{path} is {form}")
    try:
        return _read(path, form, indices)
    except MemoryError:
        raise SegtrtError(
            f"{path} does not fit into this machine's memory; cut it into smaller images"
        ) from None


def _read(path: Path, form: Format, indices: bool) -> Image:
    # Readers are imported where they are used: each brings a library of its own.
    if form in (Format.PNG, Format.JPEG):
        from segtrt.data.formats.pictures import read_picture

        return read_picture(path, indices=indices)
    if form is Format.TIFF:
        from segtrt.data.formats.tiff import read_tiff

        return read_tiff(path, indices=indices)
    if form is Format.NPY:
        from segtrt.data.formats.arrays import read_npy

        return read_npy(path)
    from segtrt.data.formats.volumes import read_volume

    return read_volume(path, form)


def _load(path: Path, files: Sequence[Path], *, indices: bool = False) -> Image:
    if not path.is_dir():
        return read_file(path, indices=indices)
    from segtrt.data.formats.dicom import read_series

    inside = files or sorted(each for each in path.iterdir() if each.is_file())
    return read_series(path, inside)


def _files_of(item: Item, path: str) -> list[Path]:
    return [item.root / file for file in item.files if file.startswith(f"{path}/")]


def _labelled(path: Path, mask: Image, labels: Labels) -> NDArray[np.uint8]:
    if len(mask.array) != 1:
        raise SegtrtError(
            f"{path} has {len(mask.array)} channels, expected a mask of one; write the label of "
            "each pixel into a grey image"
        )
    return labels.encode(mask.array[0], path)


def _with_axes_of(mask: Image, image: Image) -> Image:
    """The mask with an axis of one slice more or less, where the image has it so."""
    if (1, *mask.size) == image.size:
        return Image(mask.array[:, np.newaxis], None, mask.orientation)
    if mask.size == (1, *image.size):
        return Image(mask.array[:, 0], None, mask.orientation)
    return mask


def _check_same_grid(item: Item, path: str, image: Image, other_path: str, other: Image) -> None:
    """Refuse an image that does not lie over another of the item's."""
    name, other_name = item.root / path, other_path
    turned = ""
    if image.orientation != other.orientation:
        turned = (
            f"; its orientation tag is {image.orientation}, that of {other_name} "
            f"{other.orientation}: save both upright"
        )
    if image.size != other.size:
        raise SegtrtError(
            f"{name} is of size {_by(image.size)}, {other_name} of {_by(other.size)}, expected the "
            f"same{turned or '; give both one size'}"
        )
    if turned and not _only_fits_turned(image, other):
        raise SegtrtError(
            f"{name} and {other_name} may be turned against each other, expected the same "
            f"orientation tag{turned}"
        )
    if image.geometry is None or other.geometry is None:
        return
    difference = other.geometry.differs(image.geometry, other.size)
    if difference is not None:
        raise SegtrtError(
            f"{name} does not lie over {other_name}: {difference}; resample it onto that grid"
        )


def _only_fits_turned(image: Image, other: Image) -> bool:
    """Whether sizes prove that tags are right: as stored, the two would not fit."""
    sideways = (image.orientation >= 5) != (other.orientation >= 5)
    return sideways and image.size[-1] != image.size[-2]


def _by(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))
