"""The manifest: which subjects and slices there are, with their hashes, shards and splits."""

from dataclasses import dataclass
from pathlib import Path

from segtrt.formats import read_format

FORMAT = "segtrt-manifest-1"


@dataclass(frozen=True)
class SliceEntry:
    """One slice of the manifest."""

    number: int
    """As in the file's name."""
    image: str
    """File relative to the data set's folder, with forward slashes."""
    mask: str
    image_sha256: str
    mask_sha256: str


@dataclass(frozen=True)
class Subject:
    """One subject of the manifest; its slices are in numeric order."""

    name: str
    shard: int
    split: str
    """`calibration` or `evaluation`."""
    slices: tuple[SliceEntry, ...]


@dataclass(frozen=True)
class SkippedSubject:
    """A subject that was left out, and its first fault in one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Totals:
    """How much a manifest lists; calibration is a part of the whole."""

    subjects: int
    slices: int
    calibration_subjects: int
    calibration_slices: int
    skipped: int


@dataclass(frozen=True)
class Manifest:
    """The data set, or one shard of it; subjects are sorted by name."""

    subjects: tuple[Subject, ...]
    skipped: tuple[SkippedSubject, ...]

    @property
    def totals(self) -> Totals:
        """How much it lists."""
        calibration = [one for one in self.subjects if one.split == "calibration"]
        return Totals(
            subjects=len(self.subjects),
            slices=sum(len(one.slices) for one in self.subjects),
            calibration_subjects=len(calibration),
            calibration_slices=sum(len(one.slices) for one in calibration),
            skipped=len(self.skipped),
        )


@dataclass(frozen=True)
class _File:
    """A manifest as it stands in its file."""

    subjects: tuple[Subject, ...]
    skipped: tuple[SkippedSubject, ...]
    totals: Totals | None = None
    """For people; readers count themselves."""


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, the whole one or a shard's.

    Raises:
        SegtrtError: missing, not JSON, or not a manifest of this format.
    """
    file = read_format(path, _File, what="manifest", tag=FORMAT)
    return Manifest(file.subjects, file.skipped)
