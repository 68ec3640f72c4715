"""The Kaggle data set's folders: finding subjects, pairing slices, reading their files.

Layout of `mateuszbuda/lgg-mri-segmentation`: one folder a subject, in it `<folder>_<n>.tif` (three
MR sequences as red, green and blue) and `<folder>_<n>_mask.tif`; slice numbers are not zero-padded.
"""

import hashlib
import io
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError
from segtrt.progress import track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZE = 256
"""Height and width of every image and mask, in pixels."""

HANDLE = "mateuszbuda/lgg-mri-segmentation"
"""The data set's name on Kaggle."""

TREE = "kaggle_3m"
"""Name of the folder that holds the subjects in the published archive."""

COPY = "lgg-mri-segmentation"
"""Folder of the published archive that holds the second copy of `TREE`."""


@dataclass(frozen=True)
class SliceFiles:
    """A checked slice: its files and the SHA-256 of their content (64 hexadecimal digits)."""

    number: int
    """As in the file's name."""
    image: Path
    mask: Path
    image_sha256: str
    mask_sha256: str


def read_bytes(path: Path) -> bytes:
    """The content of an image file.

    Raises:
        SegtrtError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SegtrtError(
            f"{path} cannot be read ({error.strerror}); put the file back or leave its subject out"
        ) from None


def decode_image(content: bytes, path: Path) -> "NDArray[np.uint8]":
    """Decode a slice's image: (256, 256, 3) uint8, values 0 to 255.

    Args:
        content: the file's bytes.
        path: its name, for the message.

    Raises:
        SegtrtError: not a TIFF, damaged, of another size or type.
    """
    return _decode(content, path, "RGB", (8, 8, 8), "three channels of 8 bits (RGB)")


def decode_mask(content: bytes, path: Path) -> "NDArray[np.uint8]":
    """Decode a slice's mask: (256, 256) uint8, values 0 and 255 only.

    Args:
        content: the file's bytes.
        path: its name, for the message.

    Raises:
        SegtrtError: not a TIFF, damaged, of another size or type, or with other values.
    """
    mask = _decode(content, path, "L", (8,), "one channel of 8 bits (grey)")
    other = mask[(mask != 0) & (mask != 255)]
    if other.size:
        raise SegtrtError(
            f"{path} has the value {other[0]} in {other.size} pixels, expected a mask of 0 and 255 "
            "only; threshold it"
        )
    return mask


def read_image(path: Path) -> "NDArray[np.uint8]":
    """Read a slice's image: (256, 256, 3) uint8, values 0 to 255. Raises as `decode_image`."""
    return decode_image(read_bytes(path), path)


def read_mask(path: Path) -> "NDArray[np.uint8]":
    """Read a slice's mask: (256, 256) uint8, values 0 and 255. Raises as `decode_mask`."""
    return decode_mask(read_bytes(path), path)


def _decode(
    content: bytes, path: Path, mode: str, bits: tuple[int, ...], expected: str
) -> "NDArray[np.uint8]":
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["TIFF"]) as image:
            if image.size != (SIZE, SIZE):
                width, height = image.size
                raise SegtrtError(
                    f"{path} is {width}x{height} pixels, expected {SIZE}x{SIZE}; resize it"
                )
            tags = image.tag_v2  # type: ignore[attr-defined]
            if tags.next:  # where the next image's tags begin; `n_frames` would read them all again
                raise SegtrtError(f"{path} holds several images, expected one; split it")
            # Pillow narrows 16-bit channels to its 8-bit modes without a word.
            depth = tuple(tags.get(258, (1,)))
            if image.mode != mode or depth != bits:
                raise SegtrtError(
                    f"{path} is of type {image.mode} with {'/'.join(map(str, depth))} bits, "
                    f"expected {expected}; convert it"
                )
            return np.array(image)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, Image.DecompressionBombError):
        raise SegtrtError(
            f"{path} is damaged or not a TIFF file ({len(content)} bytes), expected a "
            f"{SIZE}x{SIZE} TIFF image; fetch it again"
        ) from None


def find_root(folder: Path) -> Path:
    """The folder that holds the subjects: `folder` itself, or the `kaggle_3m` within it.

    The published archive holds the whole tree twice; `kaggle_3m/` is taken before
    `lgg-mri-segmentation/kaggle_3m/`, and that before any other `*/kaggle_3m/`.

    Raises:
        SegtrtError: no such folder, no subfolder in it, or several copies to choose from.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise SegtrtError(
            f"data set folder {folder} {what}; set dataset.path to a folder in the Kaggle layout"
        )
    for known in (folder / TREE, folder / COPY / TREE):
        if known.is_dir():
            return known
    nested = sorted(path for path in folder.glob(f"[!.]*/{TREE}") if path.is_dir())
    if len(nested) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in nested)
        raise SegtrtError(
            f"data set folder {folder} holds {len(nested)} trees ({names}); set dataset.path to one"
        )
    return nested[0] if nested else folder


def list_subjects(root: Path) -> list[str]:
    """Names of the subjects' folders in `root`, sorted; hidden folders and files are no subjects.

    Raises:
        SegtrtError: there is none.
    """
    names = sorted(
        entry.name for entry in root.iterdir() if not entry.name.startswith(".") and entry.is_dir()
    )
    if not names:
        hint = (
            "it looks like one subject's folder: set dataset.path to the folder above"
            if any(root.glob(f"{root.name}_*.tif"))
            else "set dataset.path to the folder that holds them"
        )
        raise SegtrtError(
            f"data set folder {root} has no subjects, expected a folder of <folder>_<n>.tif files "
            f"for each; {hint}"
        )
    return names


def count_images(folder: Path) -> int:
    """How many of a subject's TIFFs are no masks; by their names only, so it serves bad ones too.

    Raises:
        SegtrtError: the folder cannot be listed.
    """
    return sum(not path.stem.endswith("_mask") for path in _list_tiffs(folder))


def _list_tiffs(folder: Path) -> list[Path]:
    """The TIFF files of a subject's folder, sorted; hidden files are ignored."""
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in (".tif", ".tiff") and not path.name.startswith(".")
        )
    except OSError as error:
        raise SegtrtError(
            f"{folder} cannot be listed ({error.strerror}); check its permissions"
        ) from None


def pair_slices(folder: Path) -> dict[int, tuple[Path, Path]]:
    """Slice number -> (image, mask) of one subject's folder, in numeric order; names only.

    Hidden files and files other than TIFFs are ignored.

    Raises:
        SegtrtError: the first fault: a TIFF by another name, two files for one number, an image
            without a mask, a mask without an image, no slice at all.
    """
    pattern = re.compile(re.escape(folder.name) + r"_([0-9]+)(_mask)?\.tif")
    images: dict[int, Path] = {}
    masks: dict[int, Path] = {}
    for path in _list_tiffs(folder):
        match = pattern.fullmatch(path.name)
        if match is None:
            raise SegtrtError(
                f"{path} does not follow {folder.name}_<n>.tif or {folder.name}_<n>_mask.tif; "
                "rename it or take it away"
            )
        group = masks if match[2] else images
        number = int(match[1])
        if number in group:
            raise SegtrtError(
                f"{path} and {group[number].name} are both slice {number}; take one away"
            )
        group[number] = path
    for number in sorted(images.keys() | masks.keys()):
        if number not in masks:
            expected = f"{images[number].stem}_mask.tif"
            raise SegtrtError(f"{images[number]} has no mask, expected {expected} beside it")
        if number not in images:
            expected = f"{masks[number].stem.removesuffix('_mask')}.tif"
            raise SegtrtError(f"{masks[number]} has no image, expected {expected} beside it")
    if not images:
        raise SegtrtError(
            f"{folder} has no slices, expected {folder.name}_<n>.tif and "
            f"{folder.name}_<n>_mask.tif; remove the folder or fill it"
        )
    return {number: (images[number], masks[number]) for number in sorted(images)}


def scan_subject(folder: Path) -> list[SliceFiles]:
    """Pair, read, check and hash the slices of one subject's folder, in numeric order.

    Every file is read once.

    Raises:
        SegtrtError: the first fault, as `pair_slices`, `decode_image` and `decode_mask` tell it.
    """
    slices = []
    for number, (image, mask) in pair_slices(folder).items():
        image_content, mask_content = read_bytes(image), read_bytes(mask)
        decode_image(image_content, image)
        decode_mask(mask_content, mask)
        hashes = [hashlib.sha256(each).hexdigest() for each in (image_content, mask_content)]
        slices.append(SliceFiles(number, image, mask, *hashes))
    return slices


def scan_subjects(
    root: Path, names: Sequence[str]
) -> tuple[dict[str, list[SliceFiles]], dict[str, str]]:
    """Scan several subjects' folders, a few at a time.

    Args:
        root: the folder that holds them.
        names: the subjects.

    Returns:
        The slices of each sound subject, and the first fault of each bad one in one line, with
        files named relative to `root`.
    """
    slices: dict[str, list[SliceFiles]] = {}
    faults: dict[str, str] = {}

    def scan(name: str) -> list[SliceFiles] | SegtrtError:
        try:
            return scan_subject(root / name)
        except SegtrtError as error:
            return error

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = track(pool.map(scan, names), "checking subjects", len(names), "subjects")
        for name, result in zip(names, found, strict=True):
            if isinstance(result, SegtrtError):
                faults[name] = str(result).replace(f"{root}{os.sep}", "")
            else:
                slices[name] = result
    return slices, faults
