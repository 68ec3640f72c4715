"""How tensors lie in memory, and what convolutions are computed in, on a device."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import device, dtype
    from torch import memory_format as layout


def memory_format(dimensions: int) -> "layout":
    """Channels last, which convolutions are fastest in."""
    import torch

    return torch.channels_last if dimensions == 2 else torch.channels_last_3d


def mixed_precision(place: "device") -> "dtype | None":
    """The type that convolutions are computed in on `place`; None for float32."""
    import torch

    if place.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.get_device_capability(place) >= (8, 0) else torch.float16
