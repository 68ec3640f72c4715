"""A data set's layout: which files are a subject's images, channels and masks, by name alone.

Nothing here opens a file: folders are listed and files' sizes and permissions looked at, so that
planning is quick and a pipe cannot stop it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segtrt.data.formats.kinds import SUFFIXES
from segtrt.data.wildcards import Pattern, compile_pattern
from segtrt.errors import SegtrtError

_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Layout:
    """Patterns that say where files are, in Snakemake's language of wildcards.

    Patterns are relative to the data set's folder. They use `{subject}`, `{item}` (an image or
    volume of the subject) and, for images, `{channel}`. Without `{subject}` each item is its own
    subject, without `{item}` each subject has one item. A pattern that ends in a slash names
    folders, each a DICOM series.

    Raises:
        SegtrtError: the patterns cannot work, or not together.
    """

    images: str
    masks: str | None = None
    """None: there is no ground truth."""
    channels: tuple[str, ...] | None = None
    """Values of `{channel}` in the order of the network's channels; None: all that are found,
    sorted."""

    def __post_init__(self) -> None:
        images, masks = self.image_pattern, self.mask_pattern
        if not images.wildcards & {"subject", "item"}:
            raise _refusal("images", self.images, "has neither {subject} nor {item}")
        if self.channels is not None:
            if "channel" not in images.wildcards:
                raise _refusal(
                    "images", self.images, "lacks {channel}, yet dataset.channels is set"
                )
            if not self.channels or len(set(self.channels)) < len(self.channels):
                raise SegtrtError(
                    f"dataset.channels is {list(self.channels)}, expected one or more names, each "
                    "once"
                )
        if masks is None:
            return
        if self.masks == self.images:
            raise _refusal("masks", self.images, "is the pattern of the images as well")
        expected = images.wildcards - {"channel"}
        if masks.wildcards != expected:
            names = " and ".join(f"{{{name}}}" for name in sorted(expected, reverse=True))
            raise _refusal(
                "masks",
                self.masks or "",
                f"uses other wildcards than the images', expected {names}",
            )

    @property
    def image_pattern(self) -> Pattern:
        """The compiled pattern of images."""
        named = "|".join(re.escape(name) for name in self.channels or ())
        return compile_pattern(
            self.images, "dataset.images", (("channel", named),) if named else ()
        )

    @property
    def mask_pattern(self) -> Pattern | None:
        """The compiled pattern of masks."""
        return None if self.masks is None else compile_pattern(self.masks, "dataset.masks")

    def subject_of(self, values: Mapping[str, str]) -> str:
        """The subject, given the values of a pattern's wildcards."""
        return values["subject"] if "subject" in values else values["item"]

    def output(self, values: Mapping[str, str]) -> str:
        """Where a mask of an item belongs, relative, if the layout has no masks of its own.

        The image's path without its channel: `ct/p1_0000.nii.gz` gives `ct/p1.nii.gz`, a series in
        the folder `p1/ct` gives `p1/ct`.
        """
        without = re.sub(r"[-_.]?\{\s*channel\b(?:[^{}]|\{[^{}]*\})*\}", "", self.images)
        parts = [part for part in without.split("/") if part not in ("", *SUFFIXES)]
        pattern = compile_pattern("/".join(parts), "dataset.images")
        return pattern.path(values)


KAGGLE = Layout("{subject}/{subject}_{item}.tif", "{subject}/{subject}_{item}_mask.tif")
"""The layout of `mateuszbuda/lgg-mri-segmentation`, which the demo shares."""


@dataclass(frozen=True, slots=True)
class Item:
    """What the user has a file for: an image or a volume."""

    root: Path
    """The data set's folder, which all paths below are relative to."""
    subject: str
    name: str
    """The value of `{item}`; without that wildcard, the subject's name."""
    images: tuple[str, ...]
    """Relative path of each channel's file, or folder of a DICOM series, in the order of channels;
    one where the pattern has no `{channel}`."""
    mask: str | None
    """Relative path of its mask; None if the layout has no masks."""
    files: tuple[str, ...]
    """Every file that reading it reads, images first: also the files of a series, and the data
    beside a header."""
    output: str
    """Relative path that a predicted mask takes; its suffix may change with the format."""

    @property
    def title(self) -> str:
        """For messages: the subject's name, and the item's where that is another."""
        return self.subject if self.name == self.subject else f"{self.subject}, {self.name}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a subject cannot be used as it is, in one line."""

    subject: str
    """Its name, printable; of a data tree inside the data set, its relative path."""
    reason: str
    """Names files relative to the data set's folder."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Files that no pattern matches."""

    files: int
    """How many."""
    examples: tuple[str, ...]
    """The first few of them, relative and printable."""
    left_behind: int
    """Hidden files and what systems leave behind (`__MACOSX`, `Thumbs.db`), a folder counted as
    one."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a data set holds."""

    items: tuple[Item, ...]
    """The sound ones, by subject, then by name, numbers by value."""
    problems: tuple[Problem, ...]
    """By subject; a subject that has one may have sound items too."""
    ignored: Ignored
    counts: Mapping[str, int]
    """Images by subject, unsound ones and subjects without any included, so that a subject's shard
    and split do not depend on whether it or others are sound."""
    channels: tuple[str, ...]
    """Values of `{channel}` in the order of `Item.images`; none where there is no such wildcard."""

    @property
    def faulty(self) -> frozenset[str]:
        """Subjects with a problem."""
        return frozenset(problem.subject for problem in self.problems)


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key to sort names by: runs of digits by their value, so that 10 comes after 9."""
    return (
        *(
            (0, int(piece), "") if place % 2 else (1, 0, piece)
            for place, piece in enumerate(_DIGITS.split(name))
            if piece
        ),
        (-1, 0, name),
    )


def printable(name: str) -> str:
    """A file's name for a message of one line: what is not UTF-8 or not printable is escaped."""
    if name.isascii() and name.isprintable():
        return name
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _refusal(setting: str, text: str, why: str) -> SegtrtError:
    return SegtrtError(f"dataset.{setting} is {text!r}: it {why}")
