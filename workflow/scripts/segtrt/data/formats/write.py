"""Predicted masks written in the data set's own format, grid, values and names."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.image import Geometry
from segtrt.data.formats.kinds import HEAD_BYTES, SUFFIXES, Format, format_of, suffix_of
from segtrt.data.formats.read import read_file, read_image
from segtrt.data.formats.volumes import READERS, from_labels, read_geometry
from segtrt.data.labels import Labels
from segtrt.data.layout import Item
from segtrt.errors import SegtrtError
from segtrt.files import assembling_folder, follow_umask, write_bytes

_VOLUME, _PICTURE = ".nii.gz", ".png"


def write_mask(label_map: NDArray[np.uint8], like: Item, folder: Path, labels: Labels) -> Path:
    """Write an item's predicted mask so that it lies over the item's image.

    The file has the path, within `folder`, that the item's mask has within the data set, its format
    and its values; volumes have the mask's, or else the image's, spacing, origin and direction. A
    data set without masks gives the image's name and format. JPEG, which blurs labels, becomes PNG,
    DICOM becomes NIfTI.

    Args:
        label_map: (*size) uint8 on the item's grid: 0 background, 1 to C the classes.
        like: the item.
        folder: the folder of predictions.
        labels: which values stand for which class.

    Returns:
        The file.

    Raises:
        SegtrtError: the item's own files, whose grid it takes, cannot be read.
        ValueError: `label_map` is of another size than the item.
    """
    values = labels.decode(label_map)
    path = folder / output_name(like)
    form = SUFFIXES[suffix_of(path.name)]
    if form in READERS:
        size, geometry = _grid(like)
        if 1 in (len(values), size[0]) and values.size == np.prod(size):
            values = values.reshape(size)  # a volume of one slice, and a picture of it
        if values.shape != size:
            raise ValueError(f"{like.title}: a mask of {size} expected, got {values.shape}")
        _write_volume(path, values, geometry)
        return path
    if form in (Format.PNG, Format.TIFF) and values.ndim == 3 and len(values) == 1:
        values = values[0]
    write_bytes(path, _encoded(values, form))
    return path


def output_name(item: Item) -> str:
    """The relative path of an item's predicted mask, with the suffix of the format it has."""
    suffix = suffix_of(item.output)
    form = SUFFIXES.get(suffix)
    if form in (Format.JPEG, Format.DICOM):
        stem = item.output[: -len(suffix)]
        return stem + (_PICTURE if form is Format.JPEG else _VOLUME)
    if form is not None:
        return item.output
    first = item.root / item.images[0]
    if first.is_dir():
        return item.output + _VOLUME
    shown = suffix_of(item.images[0])
    own = shown if shown else _suffix_by_content(first)
    return item.output + {Format.JPEG: _PICTURE, Format.DICOM: _VOLUME}.get(SUFFIXES[own], own)


def _suffix_by_content(path: Path) -> str:
    with path.open("rb") as handle:
        form = format_of(path, handle.read(HEAD_BYTES))
    if isinstance(form, str):
        raise SegtrtError(f"{path} is {form}")
    return next(suffix for suffix, known in SUFFIXES.items() if known is form)


def _grid(item: Item) -> tuple[tuple[int, ...], Geometry]:
    """Size and place that an item's mask has: its own, or else the image's."""
    path = item.root / (item.mask or item.images[0])
    form = SUFFIXES.get(suffix_of(path.name))
    if not path.is_dir() and form in READERS:
        assert form is not None
        return read_geometry(path, form)
    image = read_image(item) if path.is_dir() else read_file(path)
    axes = len(image.size)
    plain = Geometry((1.0,) * axes, (0.0,) * axes, tuple(np.eye(axes).ravel()))
    return image.size, image.geometry or plain


def _encoded(values: NDArray[Any], form: Format) -> bytes:
    """A mask, (rows, columns) or (slices, rows, columns), as the bytes of a file."""
    content = io.BytesIO()
    if form is Format.NPY:
        np.save(content, values)
    elif form is Format.TIFF:
        import tifffile

        tifffile.imwrite(
            content,
            values,
            photometric="minisblack",
            compression="zlib",
            metadata=None,
            software=False,
        )
    else:
        from PIL import Image

        Image.fromarray(values).save(content, "PNG")
    return content.getvalue()


def _write_volume(path: Path, values: NDArray[Any], geometry: Geometry) -> None:
    """Write a volume beside its place and move it there; a header comes after its data."""
    import SimpleITK

    with assembling_folder(path) as beside:
        partial = beside / path.name
        writer = SimpleITK.ImageFileWriter()
        writer.SetFileName(str(partial))
        writer.UseCompressionOn()
        try:
            writer.Execute(from_labels(values, geometry))
        except RuntimeError as error:
            reason = " ".join(str(error).split("ITK ERROR: ")[-1].split())
            raise SegtrtError(
                f"{path} cannot be written ({reason[-200:]}); make room on its disk and check its "
                "folder's permissions"
            ) from None
        for each in sorted(beside.iterdir(), key=lambda each: each == partial):
            follow_umask(each)
            each.replace(path.parent / each.name)
