"""What images a PyTorch network takes: found from its weights and by trying."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError
from segtrt.graphs.running import noise, trial_sizes

if TYPE_CHECKING:
    from torch import Tensor, nn


def guess_input(state: "Mapping[str, Tensor]") -> tuple[int, int]:
    """Channels and dimensions of a network's images, by its first convolution.

    Args:
        state: the network's state dict, in its own order.

    Raises:
        SegtrtError: it has no convolution.
    """
    for value in state.values():
        if value.is_floating_point() and value.ndim in (4, 5):
            return value.shape[1], value.ndim - 2
    raise SegtrtError(
        "the network has no convolution that shows its images' channels; set "
        "model.input.channels and model.input.size"
    )


def first_answer(
    network: "nn.Module", channels: int, size: Sequence[int | None], batch: int = 2
) -> "tuple[Tensor, Any]":
    """Images that a network takes, and what it returns for them.

    Args:
        network: in evaluation mode.
        channels: of its images.
        size: their sides, None where any may do: several are tried.
        batch: how many images.

    Returns:
        Images of noise (batch, channels, *size), and the network's result.

    Raises:
        SegtrtError: it fails on all sizes.
    """
    import torch

    failure: Exception | None = None
    for sides in trial_sizes(size):
        images = torch.from_numpy(noise((batch, channels, *sides)))
        try:
            with torch.no_grad():
                return images, network(images)
        # A network is the user's code: it fails in any way.
        except Exception as error:
            failure = error
    tried = ", ".join("x".join(map(str, sides)) for sides in trial_sizes(size))
    reason = " ".join(str(failure).split())[:200]
    raise SegtrtError(
        f"the network fails on images of {channels} channels and the sizes {tried} "
        f"({type(failure).__name__}: {reason}); set model.input.channels and model.input.size to "
        "what it takes"
    ) from failure
