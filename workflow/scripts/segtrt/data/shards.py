"""Safetensors files of one shard's slices, written and read piece by piece.

The format is safetensors (https://huggingface.co/docs/safetensors): eight bytes with the header's
length (little-endian), a JSON header that gives each tensor's type, shape and offsets, then the raw
values. The library reads such files lazily but writes them only from memory; `ShardWriter` streams,
so that memory does not grow with the number of slices.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from operator import index
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segtrt.errors import SegtrtError
from segtrt.files import replacing

_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}

_DAMAGE = (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading a header that no shard file has may end in."""


@dataclass(frozen=True, order=True)
class SliceRef:
    """One slice: subject's name, slice number as in its file name, and the subject's split."""

    subject: str
    number: int
    split: str
    """`calibration`, `search` or `evaluation`."""


class ShardWriter:
    """Appends rows to the tensors of a safetensors file whose number of rows is known ahead."""

    def __init__(self, handle: Any, offsets: Mapping[str, tuple[int, NDArray[Any]]]) -> None:
        self._handle = handle
        # name -> [next byte to write, an empty array of one row's shape and type]
        self._cursor = {name: offset for name, (offset, _) in offsets.items()}
        self._row = {name: row for name, (_, row) in offsets.items()}

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Append `rows`, shape (k, *row shape), to the tensor `name`."""
        row = self._row[name]
        if rows.shape[1:] != row.shape or rows.dtype != row.dtype:
            raise ValueError(
                f"{name}: rows of {row.dtype} {row.shape} expected, "
                f"got {rows.dtype} {rows.shape[1:]}"
            )
        content = np.ascontiguousarray(rows)
        self._handle.seek(self._cursor[name])
        self._handle.write(content)
        self._cursor[name] += content.nbytes


@contextmanager
def write_shard(
    path: Path,
    tensors: Mapping[str, tuple[str, Sequence[int]]],
    index: Sequence[SliceRef],
    metadata: Mapping[str, str] | None = None,
) -> Iterator[ShardWriter]:
    """Write a shard file row by row; it appears at `path` when the block ends without an error.

    Args:
        path: the file to make.
        tensors: name -> (type `F32` or `U8`, shape of one row); every tensor has one row a slice.
        index: the slices, in the order of the rows.
        metadata: further entries for the header.

    Raises:
        ValueError: the block appended fewer or more rows than `index` has.
    """
    count = len(index)
    header: dict[str, Any] = {
        "__metadata__": {
            **(metadata or {}),
            "index": json.dumps([[s.subject, s.number, s.split] for s in index]),
        }
    }
    begin = 0
    places: dict[str, tuple[int, int, NDArray[Any]]] = {}
    for name, (type_name, shape) in tensors.items():
        row = np.empty(tuple(shape), _TYPES[type_name])
        end = begin + row.nbytes * count
        header[name] = {"dtype": type_name, "shape": [count, *shape], "data_offsets": [begin, end]}
        places[name] = (begin, end, row)
        begin = end
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    base = 8 + len(head)
    with replacing(path) as partial, partial.open("r+b") as handle:
        handle.write(len(head).to_bytes(8, "little") + head)
        handle.truncate(base + begin)
        writer = ShardWriter(handle, {n: (base + b, row) for n, (b, _, row) in places.items()})
        yield writer
        for name, (_, end, _row) in places.items():
            if writer._cursor[name] != base + end:
                missing = (base + end - writer._cursor[name]) // max(1, _row.nbytes)
                raise ValueError(f"{path}: {missing} rows of {name} were not written")


class Shard:
    """A shard file opened for reading; rows are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            SegtrtError: the file is missing, cut short or not a shard file.
        """
        self.path = path
        try:
            size = path.stat().st_size
            with path.open("rb") as handle:
                length = int.from_bytes(handle.read(8), "little")
                if not 2 <= length <= size - 8:
                    raise ValueError("its header is cut short")
                header = json.loads(handle.read(length))
            self.metadata: dict[str, str] = header.pop("__metadata__")
            self.index = [SliceRef(*entry) for entry in json.loads(self.metadata["index"])]
            for name, entry in header.items():
                if entry["shape"][0] != len(self.index):
                    raise ValueError(
                        f"{name} has {entry['shape'][0]} rows, its index {len(self.index)}"
                    )
            # name -> first byte, type, shape of a row, bytes of a row
            self._places: dict[str, tuple[int, np.dtype[Any], tuple[int, ...], int]] = {}
            for name, entry in header.items():
                dtype, row = _TYPES[entry["dtype"]], tuple(map(index, entry["shape"][1:]))
                row_bytes = dtype.itemsize * prod(row)
                first, last = entry["data_offsets"]
                if first < 0 or last - first != row_bytes * len(self.index):
                    raise ValueError(
                        f"{name} lies in {last - first} bytes, expected {len(self.index)} rows of "
                        f"{row_bytes}"
                    )
                self._places[name] = (8 + length + first, dtype, row, row_bytes)
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
            if size != 8 + length + end:
                raise ValueError(f"it has {size} bytes instead of {8 + length + end}")
            self._handle = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise SegtrtError(f"{path} does not exist; run the workflow to make it") from None
        except _DAMAGE as error:
            raise SegtrtError(
                f"{path} is damaged: {error}; delete it and run the workflow again"
            ) from None

    def __len__(self) -> int:
        return len(self.index)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.close()

    def rows(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows `start` to `stop` of tensor `name` as a copy in memory, shape (k, *row shape)."""
        place, dtype, row, row_bytes = self._places[name]
        begin, end, _ = slice(start, stop).indices(len(self.index))
        rows = np.empty((max(end - begin, 0), *row), dtype)
        # Read, not mapped: a mapped file's pages count as the job's memory, which would grow by it.
        waiting = rows.reshape(-1).view(np.uint8)
        place += begin * row_bytes
        while waiting.size:
            count = os.preadv(self._handle.fileno(), [waiting.data], place)
            if count == 0:
                raise SegtrtError(
                    f"{self.path} was cut short while it was read; run the workflow again"
                )
            waiting, place = waiting[count:], place + count
        return rows

    def subjects(self) -> dict[str, slice]:
        """Each subject's rows, in the order of the file; a subject's rows stand together."""
        runs: dict[str, slice] = {}
        for row, ref in enumerate(self.index):
            begin = runs[ref.subject].start if ref.subject in runs else row
            runs[ref.subject] = slice(begin, row + 1)
        return runs


def refuse_other_slices(shard: Shard, *others: Shard) -> None:
    """Refuse shards that do not hold the slices of `shard` in their order.

    Raises:
        SegtrtError: names the first such shard.
    """
    for other in others:
        if other.index != shard.index:
            raise SegtrtError(
                f"{other.path} does not hold the slices of {shard.path} in their order; delete "
                "it and run the workflow again"
            )
