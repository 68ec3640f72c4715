"""PyTorch in exact float32 on the best device here: what its answers and its times share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.arrays import Images, Probabilities
from segtrt.model.weights import load_network

if TYPE_CHECKING:
    from torch import device, nn


def network_here(weights: Path, init_features: int) -> "tuple[nn.Module, device]":
    """The network on a GPU if there is one, channels last: twice as fast on a CPU."""
    import torch

    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_network(weights, init_features)
    network.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, place


@contextmanager
def exact_float32(threads: int | None) -> Iterator[None]:
    """Inference in full float32 (TF32 off) on so many CPU threads; puts things back afterwards."""
    import torch

    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32, torch.get_num_threads()
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before[:2]
        torch.set_num_threads(before[2])


def run_batch(network: "nn.Module", place: "device", images: Images) -> Probabilities:
    """Probabilities (n, 1, height, width) of one batch (n, 3, height, width)."""
    import torch

    inputs = torch.from_numpy(images).to(place, memory_format=torch.channels_last)
    output: Probabilities = network(inputs).contiguous().cpu().numpy()
    return output
