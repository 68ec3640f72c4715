"""Where images and masks are, from what a user gives: a folder or a pattern."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segtrt.data.formats.kinds import SUFFIXES, suffix_of
from segtrt.errors import SegtrtError

_ENDINGS = ("", "_mask", "_seg", "_label", "_labels", "-mask", "-seg", "-label", "-labels")
"""What names of masks have after those of their images, where it is anything."""
_ADVICE = 'give a pattern such as "scans/{subject}/{item}.png"'


@dataclass(frozen=True)
class Places:
    """`dataset.path`, `images` and `masks`."""

    root: str
    images: str
    masks: str | None
    nnunet: bool = False
    """Whether `root` has a dataset.json that says where images and masks are."""


def find_places(images: str, masks: str | None) -> Places:
    """Patterns for what the user gives, relative to a folder that both are in.

    Args:
        images: a pattern with wildcards, or a folder: of images, of a folder for each subject, or
            of an nnU-Net data set.
        masks: a pattern, a folder with masks named after their images, or None.

    Raises:
        SegtrtError: there is no such folder, or its images are in no order that is known here.
    """
    if "{" not in images and (Path(images) / "dataset.json").is_file():
        if masks is not None:
            raise SegtrtError(
                f"{images} is an nnU-Net data set, whose dataset.json says where masks are; leave "
                "--masks out"
            )
        return Places(images, "", None, nnunet=True)
    image_root, image_pattern = _split(images) if "{" in images else _of_folder(Path(images))
    if masks is None:
        return Places(image_root.as_posix(), image_pattern, None)
    mask_root, mask_pattern = (
        _split(masks) if "{" in masks else _of_masks(image_root, image_pattern, Path(masks))
    )
    root = Path(os.path.commonpath(map(os.path.abspath, (image_root, mask_root))))
    return Places(
        _reported(root),
        _below(root, image_root, image_pattern),
        _below(root, mask_root, mask_pattern),
    )


def _split(pattern: str) -> tuple[Path, str]:
    """The folder before a pattern's first wildcard, and the rest."""
    parts = PurePosixPath(pattern).parts
    wild = next(at for at, part in enumerate(parts) if "{" in part)
    rest = "/".join(parts[wild:]) + ("/" if pattern.endswith("/") else "")
    root = Path(*parts[:wild])
    if not root.is_dir():
        raise SegtrtError(f"{root} is no folder; {_ADVICE}")
    return root, rest


def _of_folder(folder: Path) -> tuple[Path, str]:
    """A folder's own pattern: images in it, or in a folder for each subject."""
    if not folder.is_dir():
        raise SegtrtError(f"{folder} is no folder; {_ADVICE}")
    for depth, pattern in ((1, "{subject}"), (2, "{subject}/{item}")):
        suffixes = Counter(
            path.name[-len(suffix) :]
            for path in folder.glob("/".join("*" * depth))
            if (suffix := suffix_of(path.name)) and path.is_file()
        )
        if suffixes:
            (suffix, _), *_ = suffixes.most_common(1)
            series = depth == 2 and suffix.lower() == ".dcm"
            return folder, "{subject}/" if series else f"{pattern}{suffix}"
    raise SegtrtError(f"{folder} has no images in it or in its folders; {_ADVICE}")


def _of_masks(image_root: Path, pattern: str, masks: Path) -> tuple[Path, str]:
    """The pattern of masks that are named after images."""
    if not masks.is_dir():
        raise SegtrtError(f"{masks} is no folder; {_ADVICE}")
    suffix = suffix_of(pattern)
    stem = pattern.removesuffix("/")[: -len(suffix) or None]
    depth = pattern.count("/") + (0 if pattern.endswith("/") else 1)
    images = [
        path.relative_to(image_root)
        for path in sorted(image_root.glob("/".join("*" * depth)))
        if path.name.endswith(pattern[-len(suffix) :] if suffix else "")
    ]
    for image in images[:100]:
        name = image.name[: -len(suffix) or None]
        for ending, other in _names(suffix):
            if (masks / image.with_name(f"{name}{ending}{other}")).is_file() and (
                masks.absolute() != image_root.absolute() or ending or other != suffix
            ):
                return masks, f"{stem}{ending}{other}"
    raise SegtrtError(f"{masks} has no file named after an image of {image_root}; {_ADVICE}")


def _names(suffix: str) -> Iterator[tuple[str, str]]:
    """Endings and suffixes that a mask's name may have, likelier ones first."""
    others = [suffix, *(other for other in SUFFIXES if other != suffix)]
    return ((ending, other) for other in others if other for ending in _ENDINGS)


def _reported(root: Path) -> str:
    """A folder as a configuration names it: from here if it is in this folder."""
    here = Path.cwd()
    return root.relative_to(here).as_posix() if root.is_relative_to(here) else root.as_posix()


def _below(root: Path, folder: Path, pattern: str) -> str:
    inner = Path(os.path.abspath(folder)).relative_to(root)  # noqa: PTH100 - `..` is resolved
    return f"{inner.as_posix()}/{pattern}" if inner.parts else pattern
