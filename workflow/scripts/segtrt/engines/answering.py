"""From prepared images to answers: the one loop of the reference and of every engine."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.arrays import Images, Outputs
from segtrt.data.prepared import Prepared, PreparedItem
from segtrt.data.resampling import resize
from segtrt.data.windows import Stitcher
from segtrt.errors import SegtrtError
from segtrt.model.spec import NetworkSpec
from segtrt.progress import track
from segtrt.quality.answers import kept_rows, write_answers
from segtrt.quality.decode import Activation, Decoder

Run = Callable[[Iterable[Images]], Iterator[Outputs]]
"""Runs batch after batch, (n, channels, *size) each, and yields (n, classes, *output size) each."""


def decoder_of(spec: NetworkSpec, deciding: Mapping[str, Any]) -> Decoder:
    """How a network's outputs become labels.

    Args:
        spec: the network's contract.
        deciding: `decide` as in the settings (a threshold, `argmax`, or None for the usual),
            `largest_component` and `ignored`.

    Raises:
        SegtrtError: the network's output does not go with what is asked for.
    """
    activation: Activation = spec.activation.value
    decide = deciding["decide"]
    if decide is None:
        decoder = Decoder.usual(activation, spec.classes)
    else:
        decoder = Decoder(activation, None if decide == "argmax" else float(decide["threshold"]))
    decoder = replace(
        decoder, largest_component=deciding["largest_component"], ignored=deciding["ignored"]
    )
    decoder.classes(spec.classes)
    return decoder


def answer(
    shard: Prepared,
    out: Path,
    run: Run,
    *,
    by: str,
    batch_size: int,
    output: Sequence[int],
    decoder: Decoder,
    raw_bytes: int,
    refuse: Callable[[Images, Outputs, Sequence[str]], None] | None = None,
) -> None:
    """Write what a network or engine makes of a shard (`segtrt.quality.answers`).

    Outputs smaller than the patch are resized to it, patches are stitched to items and items
    decoded. Values that are not finite are counted; their pixels become background.

    Args:
        shard: the patches.
        out: the file to make.
        run: the network or engine; it is not called for an empty shard.
        by: who answers, e.g. `openvino/b4_int8`.
        batch_size: patches handed over at once; the last batch may have fewer.
        output: (classes, *size) of one patch's output.
        decoder: how outputs become labels.
        raw_bytes: how much of the raw outputs is kept, in bytes.
        refuse: looks at each batch, its outputs and the patches' names, and raises where they will
            not do.

    Raises:
        SegtrtError: the outputs have another shape, or what `refuse` raises.
    """
    kept = frozenset(kept_rows(shard, 4 * int(np.prod(output)), raw_bytes))
    with write_answers(out, by, decoder, output) as writer:
        if not len(shard):
            return
        starts = range(0, len(shard), batch_size)
        batches: list[Images] = []

        def images() -> Iterator[Images]:
            for start in starts:
                batch = shard.images(start, start + batch_size)
                if refuse is not None:
                    batches.append(batch)
                yield batch

        items = iter(shard.items)
        item = ItemAnswer(next(items), output, decoder, by)
        found = track(run(images()), f"running {by}", len(starts), "batches")
        for start, outputs in zip(starts, found, strict=True):
            if outputs.shape[1:] != tuple(output):
                raise SegtrtError(
                    f"{by} answers {outputs.shape[1:]} to patches of {shard.patch}; "
                    f"{tuple(output)} was expected by the network's contract: delete it and run "
                    "the workflow again"
                )
            if refuse is not None:
                rows = range(start, start + len(outputs))
                refuse(batches.pop(0), outputs, [_title(shard, row) for row in rows])
            for row, one in enumerate(outputs, start):
                if row in kept:
                    writer.keep(row, one)
                if item.done:
                    writer.add(item.labels(), item.non_finite)
                    item = ItemAnswer(next(items), output, decoder, by)
                item.add(one)
        writer.add(item.labels(), item.non_finite)


def _title(shard: Prepared, row: int) -> str:
    """What to call a patch in messages."""
    item = next(item for item in shard.items if row in item.rows)
    number = row - item.first
    return f"{item.title}, patch {number}" if len(item.patches) > 1 else item.title


class ItemAnswer:
    """One item while its patches' outputs come in."""

    def __init__(
        self, item: PreparedItem, output: Sequence[int], decoder: Decoder, by: str
    ) -> None:
        """Begin an item.

        Args:
            item: the item.
            output: (classes, *size) of one patch's output.
            decoder: how outputs become labels.
            by: who answers, for messages.
        """
        self._item, self._decoder, self._by = item, decoder, by
        self._stitcher = Stitcher(item.patches, output[0])
        self._slabs: list[NDArray[np.uint8]] = []
        self.non_finite = 0

    @property
    def done(self) -> bool:
        """Whether all patches have come."""
        return self._stitcher.missing == 0

    def add(self, output: Outputs) -> None:
        """Add the next patch's output, (classes, *output size)."""
        self.non_finite += int(np.count_nonzero(~np.isfinite(output)))
        with np.errstate(invalid="ignore"):
            full = resize(output, self._item.patches.size, "linear")
        bad = ~np.isfinite(full)
        if bad.any():
            full = np.where(bad.any(axis=0), np.float32(self._decoder.background), full)
        for slab in self._stitcher.add(full[np.newaxis]):
            self._slabs.append(self._decoder.labels(slab, f"{self._by}: {self._item.title}"))

    def labels(self) -> NDArray[np.uint8]:
        """Labels of the whole item, (*grid) uint8."""
        return np.concatenate(self._slabs)
