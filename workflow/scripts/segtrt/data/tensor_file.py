"""Safetensors files written and read piece by piece.

The format is safetensors (https://huggingface.co/docs/safetensors): eight bytes with the header's
length (little-endian), a JSON header that gives each tensor's type, shape and offsets, then the raw
values. The library reads such files lazily but writes them only from memory; here both are
streamed, so that memory does not grow with the number of patches.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import prod
from operator import index
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from segtrt.errors import SegtrtError
from segtrt.files import replacing

_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
_WHOLE = ""
"""The stream of tensors that are added whole."""


class TensorWriter:
    """Collects tensors on disk; how many rows one has is known when all were appended."""

    def __init__(self, streams: ExitStack, folder: Path) -> None:
        self._streams, self._folder = streams, folder
        self._files: dict[str, IO[bytes]] = {}
        self._entries: dict[str, tuple[str, list[int]]] = {}
        """Name -> type and shape, in the order of the file: tensors of rows, then whole ones."""
        self._whole: list[str] = []
        self.metadata: dict[str, str] = {}
        """Further entries of the header."""

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Append `rows`, (k, *row shape) of float32 or uint8, to the tensor `name`.

        Raises:
            ValueError: rows of another type or shape than those before.
        """
        kind, shape = self._described(name, rows)
        if shape[1:] != list(rows.shape[1:]) or _TYPES[kind] != rows.dtype:
            raise ValueError(
                f"{name}: rows of {_TYPES[kind]} {tuple(shape[1:])} expected, got {rows.dtype} "
                f"{rows.shape[1:]}"
            )
        shape[0] += len(rows)
        self._stream(name).write(np.ascontiguousarray(rows).tobytes())

    def add(self, name: str, values: NDArray[Any]) -> None:
        """Add a whole tensor, float32 or uint8.

        Raises:
            ValueError: there is one of that name.
        """
        if name in self._entries:
            raise ValueError(f"{name} is written twice")
        self._entries[name] = (_NAMES[values.dtype.newbyteorder("=")], list(values.shape))
        self._whole.append(name)
        self._stream(_WHOLE).write(np.ascontiguousarray(values).tobytes())

    def begin(self, name: str, row: tuple[int, ...], kind: str = "F32") -> None:
        """Make sure that a tensor of rows is there, also if no row is ever appended."""
        if name not in self._entries:
            self._entries[name] = (kind, [0, *row])

    def _described(self, name: str, rows: NDArray[Any]) -> tuple[str, list[int]]:
        if name not in self._entries:
            kind = _NAMES[rows.dtype.newbyteorder("=")]
            self._entries[name] = (kind, [0, *rows.shape[1:]])
        return self._entries[name]

    def _stream(self, name: str) -> IO[bytes]:
        if name not in self._files:
            self._files[name] = self._streams.enter_context(
                tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by the stack
            )
        return self._files[name]

    def _finish(self, path: Path) -> None:
        header: dict[str, Any] = {"__metadata__": self.metadata}
        rows = [name for name in self._entries if name not in self._whole]
        begin = 0
        for name in (*rows, *self._whole):
            kind, shape = self._entries[name]
            end = begin + _TYPES[kind].itemsize * prod(shape)
            header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
            begin = end
        head = json.dumps(header).encode()
        head += b" " * (-len(head) % 8)
        with path.open("wb") as file:
            file.write(len(head).to_bytes(8, "little") + head)
            for name in (*rows, *([_WHOLE] if self._whole else [])):
                if name in self._files:
                    self._files[name].seek(0)
                    shutil.copyfileobj(self._files[name], file, 1 << 20)


@contextmanager
def write_tensors(path: Path) -> Iterator[TensorWriter]:
    """Write a tensor file; it appears at `path` when the block ends without an error.

    What is appended lies in nameless temporary files beside `path` until then.
    """
    with replacing(path) as partial, ExitStack() as streams:
        writer = TensorWriter(streams, path.parent)
        yield writer
        writer._finish(partial)


class TensorFile:
    """A tensor file opened for reading; values are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            SegtrtError: the file is missing, cut short or not a tensor file.
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
            # name -> first byte, type, shape
            self._places: dict[str, tuple[int, np.dtype[Any], tuple[int, ...]]] = {}
            end = 0
            for name, entry in header.items():
                dtype, shape = _TYPES[entry["dtype"]], tuple(map(index, entry["shape"]))
                first, last = entry["data_offsets"]
                if first < 0 or min(shape, default=0) < 0:
                    raise ValueError(f"{name} has a negative size")
                if last - first != dtype.itemsize * prod(shape):
                    raise ValueError(f"{name} lies in {last - first} bytes, which is not its size")
                self._places[name] = (8 + length + first, dtype, shape)
                end = max(end, last)
            if size != 8 + length + end:
                raise ValueError(f"it has {size} bytes instead of {8 + length + end}")
            self._handle = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise SegtrtError(f"{path} does not exist; run the workflow to make it") from None
        except (
            AttributeError,
            LookupError,
            OverflowError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise self.damaged(error) from None

    def damaged(self, why: object) -> SegtrtError:
        """The error for a file that does not hold what it should."""
        return SegtrtError(f"{self.path} is damaged: {why}; delete it and run the workflow again")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; calling it again does nothing."""
        self._handle.close()

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape by tensor name."""
        return {name: shape for name, (_, _, shape) in self._places.items()}

    def whole(self, name: str) -> NDArray[Any]:
        """A tensor as a copy in memory.

        Raises:
            SegtrtError: there is no such tensor.
        """
        place, dtype, shape = self._place(name)
        return self._read(place, dtype, shape)

    def rows(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows `start` to `stop` of a tensor as a copy in memory, (k, *row shape).

        Raises:
            SegtrtError: there is no such tensor.
        """
        place, dtype, shape = self._place(name)
        start, stop, _ = slice(start, stop).indices(shape[0])
        row_bytes = dtype.itemsize * prod(shape[1:])
        count = max(0, stop - start)
        return self._read(place + start * row_bytes, dtype, (count, *shape[1:]))

    def _place(self, name: str) -> tuple[int, np.dtype[Any], tuple[int, ...]]:
        if name not in self._places:
            raise self.damaged(f"it lacks {name}")
        return self._places[name]

    def _read(self, place: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        values = np.empty(shape, dtype)
        # Read, not mapped: a mapped file's pages count as the job's memory, which would grow by it.
        waiting = values.reshape(-1).view(np.uint8)
        while waiting.size:
            count = os.preadv(self._handle.fileno(), [waiting.data], place)
            if not count:
                raise self.damaged("it ends too early")
            waiting, place = waiting[count:], place + count
        return values
