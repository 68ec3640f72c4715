"""Answers: what a network or engine makes of a shard, as labels of all and raw outputs of some.

A tensor file (`segtrt.data.tensor_file`) with
- `labels/{item}`: (bytes,) uint8, each item's labels on the network's grid, packed
  (`segtrt.quality.labels`), before components are dropped;
- `outputs`: (k, channels, *output size) float32, the network's raw output for the patches kept;
- metadata `format`, `by` (who answered), `status` (`built`, or `unsupported` without any item),
  `reason`, `decoder` (JSON), `classes` (the highest label), `rows` (JSON, the shard's rows of the
  patches kept) and `non_finite` (JSON, by item the output values that were not finite).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segtrt.data.labels import Labels
from segtrt.data.prepared import Prepared, PreparedItem, count_patches
from segtrt.data.tensor_file import TensorFile, TensorWriter, write_tensors
from segtrt.errors import SegtrtError
from segtrt.quality.decode import Decoder
from segtrt.quality.labels import pack, unpack
from segtrt.quality.raw_sample import choose_patches

FORMAT = "segtrt-answers-1"


def kept_rows(shard: Prepared, output_bytes: int, budget_bytes: int) -> tuple[int, ...]:
    """Rows of the patches whose raw outputs are kept, ascending.

    Args:
        shard: the patches.
        output_bytes: of one patch's raw output.
        budget_bytes: what a shard may keep.
    """
    chosen = choose_patches(count_patches(shard.items), output_bytes, budget_bytes)
    by_subject: dict[str, list[int]] = {}
    for item in shard.items:
        by_subject.setdefault(item.subject, []).extend(item.rows)
    return tuple(
        sorted(by_subject[name][place] for name, places in chosen.items() for place in places)
    )


def check_classes(labels: Labels | None, classes: int) -> None:
    """Refuse a network of other classes than the masks.

    Args:
        labels: the masks' classes; None without masks.
        classes: the highest label that the network gives.

    Raises:
        SegtrtError: names both.
    """
    if labels is not None and classes != len(labels.names):
        raise SegtrtError(
            f"the network tells {classes} classes apart (validation.decide), but dataset.labels "
            f"has {len(labels.names)} ({', '.join(labels.names)}); name the network's classes "
            "there, in order"
        )


class AnswerWriter:
    """Writes answers item by item, in the order of the shard."""

    def __init__(self, file: TensorWriter, classes: int) -> None:
        self._file, self._classes = file, classes
        self._items = 0
        self._rows: list[int] = []
        self._non_finite: list[int] = []

    def keep(self, row: int, output: NDArray[np.float32]) -> None:
        """Keep the raw output of one patch, (channels, *output size) float32."""
        self._file.append("outputs", output[np.newaxis])
        self._rows.append(row)

    def add(self, labels: NDArray[np.uint8], non_finite: int) -> None:
        """Add the next item's labels, (*grid) uint8.

        Args:
            labels: its labels.
            non_finite: output values that were not finite; they count as background.
        """
        self._file.add(f"labels/{self._items}", pack(labels[np.newaxis], self._classes)[0])
        self._non_finite.append(non_finite)
        self._items += 1

    def _finish(self) -> None:
        self._file.metadata |= {
            "rows": json.dumps(self._rows),
            "non_finite": json.dumps(self._non_finite),
        }


@contextmanager
def write_answers(
    path: Path,
    by: str,
    decoder: Decoder,
    output: Sequence[int],
    *,
    unsupported: str = "",
) -> Iterator[AnswerWriter]:
    """Write answers; the file appears at `path` when the block ends without an error.

    Args:
        path: the file to make.
        by: who answers, e.g. `openvino/b4_int8`.
        decoder: how outputs become labels.
        output: (channels, *size) of one patch's raw output.
        unsupported: why there are none; empty if there are.
    """
    classes = decoder.classes(output[0])
    with write_tensors(path) as file:
        file.begin("outputs", tuple(output))
        file.metadata |= {
            "format": FORMAT,
            "by": by,
            "status": "unsupported" if unsupported else "built",
            "reason": unsupported,
            "decoder": json.dumps(decoder.to_json()),
            "classes": str(classes),
        }
        writer = AnswerWriter(file, classes)
        yield writer
        writer._finish()


class Answers:
    """Answers opened for reading."""

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            SegtrtError: the file is missing, damaged or not one of answers.
        """
        self._file = TensorFile(path)
        self.path = path
        metadata: Mapping[str, str] = self._file.metadata
        try:
            if metadata["format"] != FORMAT:
                raise ValueError(f"its format is {metadata['format']}, not {FORMAT}")
            self.by = metadata["by"]
            self.status, self.reason = metadata["status"], metadata["reason"]
            self.decoder = Decoder.from_json(json.loads(metadata["decoder"]))
            self.classes = int(metadata["classes"])
            self.rows: tuple[int, ...] = tuple(map(int, json.loads(metadata["rows"])))
            """The shard's rows of the patches whose outputs were kept, ascending."""
            self.non_finite: tuple[int, ...] = tuple(map(int, json.loads(metadata["non_finite"])))
            """By item, output values that were not finite."""
            count, *output = self._file.shapes["outputs"]
            self.output: tuple[int, ...] = tuple(output)
            """(channels, *size) of one patch's raw output."""
            if count != len(self.rows):
                raise ValueError(f"it has outputs of other patches than its {len(self.rows)} rows")
        except (LookupError, RecursionError, SegtrtError, TypeError, ValueError) as error:
            self._file.close()
            raise self._file.damaged(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def labels(self, place: int, item: PreparedItem) -> NDArray[np.uint8]:
        """Labels of the item at `place` of the shard, (*item.placement.grid) uint8.

        Raises:
            SegtrtError: they are missing or of another size.
        """
        packed = self._file.whole(f"labels/{place}")[np.newaxis]
        try:
            labels: NDArray[np.uint8] = unpack(packed, item.placement.grid, self.classes)[0]
        except ValueError as error:
            raise self._file.damaged(f"labels of {item.title}: {error}") from None
        return labels

    def outputs(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Raw outputs of the patches `rows[start:stop]`, (k, channels, *output size) float32."""
        outputs: NDArray[np.float32] = self._file.rows("outputs", start, stop)
        return outputs


def copy_labels(tensors: Path, answers: Path, out: Path) -> None:
    """Write answers again without their raw outputs: labels alone, which take little room.

    Args:
        tensors: the prepared images that they are to.
        answers: the file of answers.
        out: the file to write.

    Raises:
        SegtrtError: a file cannot be read.
    """
    with (
        Prepared(tensors) as shard,
        Answers(answers) as source,
        write_answers(out, source.by, source.decoder, source.output) as writer,
    ):
        for place, item in enumerate(shard.items):
            writer.add(source.labels(place, item), source.non_finite[place])
