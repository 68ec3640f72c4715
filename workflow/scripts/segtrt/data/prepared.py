"""Prepared images: a shard's patches as the network sees them, and where each item's lie.

A tensor file (`segtrt.data.tensor_file`) with
- `images`: (patches, channels, *size) float32, the patches of one item after another;
- `truth/{item}`: (*shape) uint8, on the item's own grid, the label map of each that has a mask;
- metadata `format`, `preparation` (JSON, `Preparation`), `labels` (JSON, or `null` without masks)
  and `items` (JSON, one entry an item, as `PreparedItem` describes).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from segtrt.data.labels import Labels
from segtrt.data.layout import Item
from segtrt.data.placement import Placement
from segtrt.data.tensor_file import TensorFile, TensorWriter, write_tensors
from segtrt.data.windows import Patches
from segtrt.errors import SegtrtError

FORMAT = "segtrt-prepared-1"
CALIBRATION, SEARCH, EVALUATION = "calibration", "search", "evaluation"


@dataclass(frozen=True)
class PreparedItem:
    """One item of a shard: what it is, and which patches are its own."""

    subject: str
    name: str
    split: str
    """`calibration`, `search` or `evaluation`."""
    source: dict[str, Any]
    """What writing its mask needs: the fields of `segtrt.data.layout.Item` but the root; of slices
    that were stacked, `slices`, a list of these, in the order of the stack."""
    placement: Placement
    patches: Patches
    spacing: tuple[float, ...] | None
    """mm along each axis of its own grid, if that is known."""
    has_truth: bool
    first: int = 0
    """Row of its first patch in the shard."""

    @property
    def rows(self) -> range:
        """Rows of its patches in the shard."""
        return range(self.first, self.first + len(self.patches))

    @property
    def title(self) -> str:
        """For messages: the subject's name, and the item's where that is another."""
        return self.subject if self.name == self.subject else f"{self.subject}, {self.name}"

    @property
    def stacked(self) -> bool:
        """Whether it is a stack of a subject's slices, each of which has a file."""
        return "slices" in self.source

    def files(self, root: Path) -> tuple[Item, ...]:
        """What a mask is written like: the item, or each slice of a stack in its order.

        Args:
            root: the data set's folder.
        """
        return tuple(_item(each, root) for each in self.source.get("slices", (self.source,)))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "subject": self.subject,
            "name": self.name,
            "split": self.split,
            "source": self.source,
            "placement": self.placement.to_json(),
            "size": list(self.patches.size),
            "overlap": self.patches.overlap,
            "blend": self.patches.blend,
            "spacing": None if self.spacing is None else list(self.spacing),
            "has_truth": self.has_truth,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], first: int) -> Self:
        """From what `to_json` gave, and its place in the shard.

        Raises:
            KeyError, TypeError, ValueError: `data` is something else.
        """
        placement, spacing = Placement.from_json(data["placement"]), data["spacing"]
        size = tuple(int(side) for side in data["size"])
        return cls(
            subject=str(data["subject"]),
            name=str(data["name"]),
            split=str(data["split"]),
            source=dict(data["source"]),
            placement=placement,
            patches=Patches(placement.grid, size, float(data["overlap"]), data["blend"]),
            spacing=None if spacing is None else tuple(float(step) for step in spacing),
            has_truth=bool(data["has_truth"]),
            first=first,
        )


def source_of(items: Sequence[Item]) -> dict[str, Any]:
    """`PreparedItem.source` of an item, or of slices that are stacked."""
    described = [
        {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in fields(item)
            if field.name != "root"
            for value in (getattr(item, field.name),)
        }
        for item in items
    ]
    return described[0] if len(described) == 1 else {"slices": described}


def _item(source: Mapping[str, Any], root: Path) -> Item:
    lists = {key: tuple(source[key]) for key in ("images", "files")}
    return Item(root=root, **{**source, **lists})


class PreparedWriter:
    """Writes a shard item by item."""

    def __init__(self, file: TensorWriter) -> None:
        self._file = file
        self._items: list[PreparedItem] = []

    def add(
        self,
        item: PreparedItem,
        image: NDArray[np.float32],
        truth: NDArray[np.uint8] | None,
    ) -> None:
        """Add an item.

        Args:
            item: what it is; its `first` does not count.
            image: (channels, *item.placement.grid) float32.
            truth: (*item.placement.shape) uint8, its label map; None if it has no mask.
        """
        for patch in item.patches.cut(image):
            self._file.append("images", patch[np.newaxis])
        if truth is not None:
            self._file.add(f"truth/{len(self._items)}", truth)
        self._items.append(item)

    def _finish(self) -> None:
        self._file.metadata["items"] = json.dumps([item.to_json() for item in self._items])


class _Described(Protocol):
    """What can be written down, which is all that is needed of a preparation here."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""


@contextmanager
def write_prepared(
    path: Path,
    preparation: _Described,
    labels: Labels | None,
    patch: tuple[int, ...],
) -> Iterator[PreparedWriter]:
    """Write a shard; it appears at `path` when the block ends without an error.

    Args:
        path: the file to make.
        preparation: how its images were prepared (`segtrt.data.preparation.Preparation`).
        labels: the classes of its masks; None without masks.
        patch: (channels, *size) of a patch, for a shard without any item.
    """
    with write_tensors(path) as file:
        file.begin("images", patch)
        file.metadata |= {
            "format": FORMAT,
            "preparation": json.dumps(preparation.to_json()),
            "labels": json.dumps(None if labels is None else labels.to_json()),
        }
        writer = PreparedWriter(file)
        yield writer
        writer._finish()


class Prepared:
    """A shard opened for reading."""

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            SegtrtError: the file is missing, damaged or not one of prepared images.
        """
        self._file = TensorFile(path)
        self.path = path
        try:
            if self._file.metadata["format"] != FORMAT:
                raise ValueError(f"its format is {self._file.metadata['format']}, not {FORMAT}")
            self.preparation: dict[str, Any] = dict(json.loads(self._file.metadata["preparation"]))
            """How its images were prepared, as `Preparation.to_json` gave it."""
            labels = json.loads(self._file.metadata["labels"])
            self.labels = None if labels is None else Labels.from_json(labels)
            items, first = [], 0
            for entry in json.loads(self._file.metadata["items"]):
                items.append(PreparedItem.from_json(entry, first))
                first += len(items[-1].patches)
            self.items: tuple[PreparedItem, ...] = tuple(items)
            rows, *patch = self._file.shapes["images"]
            if rows != first:
                raise ValueError(f"images has {rows} patches, its items {first}")
            self.patch: tuple[int, ...] = tuple(patch)
            """(channels, *size) of a patch."""
        except (LookupError, RecursionError, SegtrtError, TypeError, ValueError) as error:
            self._file.close()
            raise self._file.damaged(error) from None

    def __len__(self) -> int:
        """Number of patches."""
        return self._file.shapes["images"][0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def images(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Patches `start` to `stop`, (k, channels, *size) float32."""
        return self._file.rows("images", start, stop)

    def truth(self, place: int) -> NDArray[np.uint8]:
        """Label map of the item at `place` in `items`, on its own grid.

        Raises:
            SegtrtError: it has no mask.
        """
        return self._file.whole(f"truth/{place}")

    def subjects(self) -> dict[str, list[int]]:
        """Places in `items` by subject, in the order of the file."""
        found: dict[str, list[int]] = {}
        for place, item in enumerate(self.items):
            found.setdefault(item.subject, []).append(place)
        return found


def count_patches(items: Sequence[PreparedItem]) -> dict[str, int]:
    """Patches by subject, in the order of the items."""
    counts: dict[str, int] = {}
    for item in items:
        counts[item.subject] = counts.get(item.subject, 0) + len(item.patches)
    return counts
