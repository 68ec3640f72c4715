"""The manifest: which subjects and items there are, with their hashes, shards and splits."""

from dataclasses import dataclass
from pathlib import Path

from segtrt.data.layout import Ignored, Item
from segtrt.formats import read_format

FORMAT = "segtrt-manifest-2"


@dataclass(frozen=True)
class FileEntry:
    """A file that reading an item reads."""

    path: str
    """Relative to the data set's folder, with forward slashes."""
    sha256: str


@dataclass(frozen=True)
class Grid:
    """The pixels of an image."""

    channels: int
    size: tuple[int, ...]
    """(rows, columns) or (slices, rows, columns)."""
    spacing: tuple[float, ...] | None
    """mm along each axis of `size`; None if the file does not say."""


@dataclass(frozen=True)
class ItemEntry:
    """One item of the manifest."""

    name: str
    images: tuple[str, ...]
    """Path of each channel, relative to the data set's folder."""
    mask: str | None
    files: tuple[FileEntry, ...]
    """Every file that reading it reads, images first."""
    output: str
    """Relative path that a predicted mask takes."""
    grid: Grid

    def item(self, subject: str, root: Path) -> Item:
        """The item, to be read.

        Args:
            subject: whose it is.
            root: the data set's folder.
        """
        files = tuple(file.path for file in self.files)
        return Item(root, subject, self.name, self.images, self.mask, files, self.output)


@dataclass(frozen=True)
class Subject:
    """One subject of the manifest; its items are sorted by name, numbers by value."""

    name: str
    shard: int
    split: str
    """`calibration`, `search` or `evaluation`."""
    items: tuple[ItemEntry, ...]


@dataclass(frozen=True)
class SkippedSubject:
    """A subject that was skipped, and its faults in one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Twins:
    """Two subjects that seem to be one: they have images in common."""

    subjects: tuple[str, ...]
    """Their names, sorted."""
    splits: tuple[str, ...]
    """Their splits, in the same order."""
    images: int
    """How many files they have in common, byte for byte."""


@dataclass(frozen=True)
class Totals:
    """How much a manifest lists; calibration is a part of the whole."""

    subjects: int
    items: int
    calibration_subjects: int
    calibration_items: int
    skipped: int


@dataclass(frozen=True)
class Manifest:
    """The data set, or one shard of it; subjects are sorted by name."""

    subjects: tuple[Subject, ...]
    skipped: tuple[SkippedSubject, ...]
    """Empty in a shard."""
    ignored: Ignored
    """Files that no pattern matches, in the whole data set."""
    channels: tuple[str, ...]
    """Values of `{channel}` in the order of the images; none where there is no such wildcard."""
    grids: tuple[Grid, ...]
    """The different grids of the whole data set's items, in a shard too: all must become patches
    of one size."""
    twins: tuple[Twins, ...]
    """Empty in a shard."""

    @property
    def totals(self) -> Totals:
        """How much it lists."""
        calibration = [one for one in self.subjects if one.split == "calibration"]
        return Totals(
            subjects=len(self.subjects),
            items=sum(len(one.items) for one in self.subjects),
            calibration_subjects=len(calibration),
            calibration_items=sum(len(one.items) for one in calibration),
            skipped=len(self.skipped),
        )


@dataclass(frozen=True)
class _File(Manifest):
    """A manifest as it stands in its file."""

    totals: Totals | None = None  # type: ignore[assignment]
    """For people; readers count themselves."""


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, the whole one or a shard's.

    Raises:
        SegtrtError: missing, not JSON, or not a manifest of this format.
    """
    file = read_format(path, _File, what="manifest", tag=FORMAT)
    return Manifest(
        file.subjects, file.skipped, file.ignored, file.channels, file.grids, file.twins
    )
