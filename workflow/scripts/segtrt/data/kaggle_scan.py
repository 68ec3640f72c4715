"""Checking the Kaggle data set's slices: every file read once, decoded and hashed."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from segtrt.data.kaggle_images import decode_image, decode_mask, read_bytes
from segtrt.data.kaggle_layout import pair_slices
from segtrt.errors import SegtrtError
from segtrt.progress import track


@dataclass(frozen=True)
class SliceFiles:
    """A checked slice: its files and the SHA-256 of their content (64 hexadecimal digits)."""

    number: int
    """As in the file's name."""
    image: Path
    mask: Path
    image_sha256: str
    mask_sha256: str


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
