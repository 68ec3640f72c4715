"""The Kaggle data set's folders: finding subjects and pairing slices, by names only.

Layout of `mateuszbuda/lgg-mri-segmentation`: one folder a subject, in it `<folder>_<n>.tif` (three
MR sequences as red, green and blue) and `<folder>_<n>_mask.tif`; slice numbers are not zero-padded.
"""

import re
from pathlib import Path

from segtrt.errors import SegtrtError

HANDLE = "mateuszbuda/lgg-mri-segmentation"
"""The data set's name on Kaggle."""

TREE = "kaggle_3m"
"""Name of the folder that holds the subjects in the published archive."""

COPY = "lgg-mri-segmentation"
"""Folder of the published archive that holds the second copy of `TREE`."""


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
