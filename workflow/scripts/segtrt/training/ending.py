"""The end of a network kept in float32 where the rest is trained in mixed precision."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def keep_ending_in_float32(network: "nn.Module", example: "Tensor") -> None:
    """Have what follows the network's last layer with weights computed in float32.

    Otherwise mixed precision would round probabilities near 1 to 1, and stop their gradient.

    Args:
        network: it is run once.
        example: (1, channels, *size) float32, on the network's device.
    """
    import torch

    order: list[nn.Module] = []
    leaves = [
        module
        for module in network.modules()
        if not list(module.children()) and list(module.parameters(recurse=False))
    ]
    hooks = [
        leaf.register_forward_hook(lambda m, _inputs, _out: order.append(m)) for leaf in leaves
    ]
    try:
        network.eval()
        with torch.inference_mode():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    if order:
        order[-1].register_forward_hook(lambda _module, _inputs, out: out.float())
