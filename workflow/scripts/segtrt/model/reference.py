"""PyTorch's own answers, in float32: what engines are compared with."""

from pathlib import Path

import numpy as np

from segtrt.arrays import Images, Probabilities
from segtrt.data.shards import Shard, write_shard
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
        SegtrtError: the weights cannot be read or do not fit the network.
    """
    with exact_float32(threads=None):
        network, place = network_here(weights, init_features)
        parts = [
            run_batch(network, place, images[begin : begin + _BATCH])
            for begin in range(0, len(images), _BATCH)
        ]
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
        SegtrtError: the weights or the shard cannot be read.
    """
    with Shard(shard) as slices, exact_float32(threads):
        network, place = network_here(weights, init_features)
        kinds = {"probabilities": ("F32", (IMAGE_SIZE, IMAGE_SIZE))}
        begins = range(0, len(slices), _BATCH)
        with write_shard(out, kinds, slices.index, {"format": FORMAT}) as writer:
            for begin in track(begins, f"PyTorch on {shard.stem}", len(begins), "batches"):
                output = run_batch(network, place, slices.rows("images", begin, begin + _BATCH))
                writer.append("probabilities", output[:, 0])
