"""The network's own answers, in float32: what engines are compared with."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from segtrt.arrays import Images, Outputs
from segtrt.data.prepared import Prepared
from segtrt.engines.answering import answer, decoder_of
from segtrt.errors import SegtrtError
from segtrt.model.inference import NetworkFiles, open_reference
from segtrt.model.spec import NetworkSpec

BY = "reference"
"""Who answers, in the files of answers."""

_MOST_PATCHES = 8
_MOST_VALUES = _MOST_PATCHES * 3 * 256 * 256
"""Of a batch of images; activations take tens of times as much."""


def predict(network: NetworkFiles, spec: NetworkSpec, images: Images) -> Outputs:
    """The network's raw outputs for `images`, one after another.

    Args:
        network: its files.
        spec: its contract.
        images: (n, channels, *size) float32.

    Returns:
        (n, classes, *output size) float32.

    Raises:
        SegtrtError: the network cannot be loaded, or an image or an output is not finite.
    """
    size = batch_size(spec, images.shape[1:])
    names = [f"number {i + 1}" for i in range(len(images))]
    parts = [np.empty((0, *spec.output_of(images.shape[2:])), np.float32)]
    with open_reference(network) as reference:
        for begin in range(0, len(images), size):
            batch = images[begin : begin + size]
            parts.append(_filled(reference.run, batch, spec.batch))
            _refuse_non_finite(
                batch, parts[-1], names[begin : begin + size], network.name, "the images"
            )
    return np.concatenate(parts)


def run_reference(
    network: NetworkFiles,
    spec: NetworkSpec,
    shard_path: Path,
    out: Path,
    *,
    decoding: Mapping[str, Any],
    raw_bytes: int,
    threads: int | None,
) -> None:
    """Write the network's answers on a shard (`segtrt.quality.answers`).

    PyTorch runs on a GPU if there is one (without TF32), else on the CPU.

    Args:
        network: its files.
        spec: its contract.
        shard_path: prepared images.
        out: the file to make.
        decoding: how outputs become labels (`segtrt.engines.answering.decoder_of`).
        raw_bytes: how much of the raw outputs is kept, in bytes.
        threads: CPU threads, None for PyTorch's choice.

    Raises:
        SegtrtError: the network or the shard cannot be read, or an image or an output is not
            finite; names the item.
    """

    def refuse(images: Images, outputs: Outputs, names: Sequence[str]) -> None:
        _refuse_non_finite(images, outputs, names, network.name, str(shard_path))

    with ExitStack() as stack:
        shard = stack.enter_context(Prepared(shard_path))

        def run(batches: Iterable[Images]) -> Iterator[Outputs]:
            reference = stack.enter_context(open_reference(network, threads))
            return (_filled(reference.run, images, spec.batch) for images in batches)

        answer(
            shard,
            out,
            run,
            by=BY,
            batch_size=batch_size(spec, shard.patch),
            output=spec.output_of(shard.patch[1:]),
            decoder=decoder_of(spec, decoding),
            raw_bytes=raw_bytes,
            refuse=refuse,
        )


def batch_size(spec: NetworkSpec, patch: Sequence[int]) -> int:
    """How many patches the reference takes at once: as many as it must, or a few.

    Args:
        spec: the network's contract.
        patch: (channels, *size).
    """
    return spec.batch or max(1, min(_MOST_PATCHES, _MOST_VALUES // prod(patch)))


def _filled(run: Callable[[Images], Outputs], images: Images, batch: int | None) -> Outputs:
    """Outputs of a batch; filled up with zeros where the network takes full batches only."""
    missing = (batch or 0) - len(images)
    if missing <= 0:
        return run(images)
    filler = np.zeros((missing, *images.shape[1:]), np.float32)
    return run(np.concatenate([images, filler]))[: len(images)]


def _refuse_non_finite(
    images: Images, outputs: Outputs, names: Sequence[str], who: str, where: str
) -> None:
    """Refuse images, and outputs for them, that hold values that are infinite or not numbers.

    Args:
        images: (n, channels, *size) float32.
        outputs: the network's, (n, classes, *output size) float32.
        names: what to call each of them.
        who: what computes, for the message.
        where: the file of the images, for the message.

    Raises:
        SegtrtError: names the first one, and whether its image is at fault or the network.
    """
    for values, message in (
        (images, f"the image has {{}}; delete {where} and run the workflow again"),
        (outputs, f"{who}'s answer has {{}}; check model.weights, or train them again"),
    ):
        bad = np.count_nonzero(~np.isfinite(values), axis=tuple(range(1, values.ndim)))
        if bad.any():
            first = int(np.argmax(bad > 0))
            fault = f"{bad[first]} values that are infinite or not numbers"
            raise SegtrtError(f"{where}, {names[first]}: {message.format(fault)}")
