"""The patch that a run's engines take, and the output that they answer it with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segtrt.data.tensor_file import TensorFile
from segtrt.model.spec import NetworkSpec
from segtrt.runtimes.description import BuildSettings


def with_patch(
    settings: BuildSettings,
    network: NetworkSpec,
    size: Sequence[int] | None,
    shards: Sequence[Path],
) -> BuildSettings:
    """Settings with the patch and the output.

    Args:
        settings: an engine's.
        network: its contract.
        size: of images before padding, where the settings of the run say it; None: see `shards`.
        shards: prepared images; the first one is asked where `size` is None.

    Raises:
        SegtrtError: the network does not take that size, or the shard cannot be read.
    """
    if size is None:
        # The shape alone: an engine is made of no code that reads items.
        with TensorFile(shards[0]) as shard:
            _, *patch = shard.shapes["images"]
    else:
        patch = [network.channels, *network.fit(size)]
    return replace(settings, patch=tuple(patch), output=network.output_of(patch[1:]))
