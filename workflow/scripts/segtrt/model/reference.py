"""PyTorch's own answers, in float32: what engines are compared with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segtrt.arrays import Images, Probabilities
from segtrt.data.shards import Shard, write_shard
from segtrt.errors import SegtrtError
from segtrt.model.inference import exact_float32, network_here, run_batch
from segtrt.model.unet import IMAGE_SIZE
from segtrt.progress import track

FORMAT = "segtrt-probabilities-1"
_BATCH = 8


def predict(weights: Path, init_features: int, images: Images) -> Probabilities:
    """PyTorch's probabilities of `images`.

    Args:
        weights: the network's weights.
        init_features: channels of its first block.
        images: (n, 3, 256, 256) float32, z-scored; n from 0.

    Returns:
        (n, 1, 256, 256) float32 in 0..1.

    Raises:
        SegtrtError: the weights cannot be read or do not fit the network, or an image or an answer
            is not finite.
    """
    with exact_float32(threads=None):
        network, place = network_here(weights, init_features)
        parts = []
        for begin in range(0, len(images), _BATCH):
            batch = images[begin : begin + _BATCH]
            parts.append(run_batch(network, place, batch))
            names = [f"number {begin + i + 1}" for i in range(len(batch))]
            _refuse_non_finite(batch, parts[-1], names, weights, "the images")
    return np.concatenate([np.empty((0, 1, *images.shape[2:]), np.float32), *parts])


def run_reference(
    weights: Path, init_features: int, shard: Path, out: Path, threads: int | None
) -> None:
    """Write PyTorch's probabilities of a tensor shard's slices as a shard of its own.

    Runs on a GPU if there is one (without TF32), else on the CPU.

    Args:
        weights: the network's weights.
        init_features: channels of its first block.
        shard: tensor shard with `images`.
        out: the file to make, with `probabilities` (N, 256, 256) float32 in 0..1 and the slices in
            the same order.
        threads: CPU threads, None for PyTorch's choice.

    Raises:
        SegtrtError: the weights or the shard cannot be read, or an image or an answer is not
            finite; names the slice.
    """
    with Shard(shard) as slices, exact_float32(threads):
        network, place = network_here(weights, init_features)
        kinds = {"probabilities": ("F32", (IMAGE_SIZE, IMAGE_SIZE))}
        begins = range(0, len(slices), _BATCH)
        with write_shard(out, kinds, slices.index, {"format": FORMAT}) as writer:
            for begin in track(begins, f"PyTorch on {shard.stem}", len(begins), "batches"):
                images = slices.rows("images", begin, begin + _BATCH)
                output = run_batch(network, place, images)
                refs = slices.index[begin : begin + _BATCH]
                names = [f"slice {ref.number} of {ref.subject}" for ref in refs]
                _refuse_non_finite(images, output, names, weights, str(shard))
                writer.append("probabilities", output[:, 0])


def _refuse_non_finite(
    images: Images, output: Probabilities, names: Sequence[str], weights: Path, where: str
) -> None:
    """Refuse images, and answers to them, that hold values that are infinite or not numbers.

    Args:
        images: (n, channels, *size) float32.
        output: PyTorch's answers to them, (n, classes, *size) float32.
        names: what to call each of them.
        weights: the network's weights, for the message.
        where: the file of the images, for the message.

    Raises:
        SegtrtError: names the first one, and whether its image is at fault or the network.
    """
    for values, told in (
        (images, f"the image has {{}}; delete {where} and run the workflow again"),
        (output, f"PyTorch's answer has {{}}; check {weights}, or train the weights again"),
    ):
        bad = np.count_nonzero(~np.isfinite(values), axis=tuple(range(1, values.ndim)))
        if bad.any():
            first = int(np.argmax(bad > 0))
            fault = f"{bad[first]} values that are infinite or not numbers"
            raise SegtrtError(f"{where}, {names[first]}: {told.format(fault)}")
