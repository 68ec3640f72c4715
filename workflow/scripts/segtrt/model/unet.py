"""The segmentation network: a U-Net whose entries match the published brain-segmentation weights.

Architecture: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation",
MICCAI 2015, with batch norm and padded convolutions. Names of the parameters follow the checkpoint
`unet-e012d006.pt` of mateuszbuda/brain-segmentation-pytorch (MIT licence), so that it loads as is.
"""

from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

IN_CHANNELS = 3

LEVELS = 4
"""Encoder blocks; each is followed by a 2x2 max pooling, so sizes are multiples of 16."""


def build_unet(init_features: int) -> "nn.Module":
    """Make the network with freshly drawn weights (PyTorch's default initialisation).

    It maps (n, 3, height, width) float32, z-scored, to (n, 1, height, width) probabilities in 0..1;
    height and width are multiples of 16.

    Args:
        init_features: channels of the first block, 32 in the published network; each further level
            has twice as many.
    """
    return _network_class()(init_features)


@cache
def _network_class() -> "type[nn.Module]":
    """The network's class, made on first use: importing this module does not import torch."""
    import torch
    from torch import nn

    def block(name: str, in_channels: int, channels: int) -> nn.Sequential:
        """Twice a 3x3 convolution, batch norm and ReLU."""
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for index, source in ((1, in_channels), (2, channels)):
            layers[f"{name}conv{index}"] = nn.Conv2d(source, channels, 3, padding=1, bias=False)
            layers[f"{name}norm{index}"] = nn.BatchNorm2d(channels)
            layers[f"{name}relu{index}"] = nn.ReLU(inplace=True)
        return nn.Sequential(layers)

    class UNet(nn.Module):
        """See `build_unet`."""

        def __init__(self, init_features: int) -> None:
            super().__init__()
            channels = [init_features << level for level in range(LEVELS + 1)]
            for level in range(1, LEVELS + 1):
                source = IN_CHANNELS if level == 1 else channels[level - 2]
                self.add_module(
                    f"encoder{level}", block(f"enc{level}", source, channels[level - 1])
                )
            self.pool = nn.MaxPool2d(2)
            self.bottleneck = block("bottleneck", channels[LEVELS - 1], channels[LEVELS])
            for level in range(LEVELS, 0, -1):
                narrow, wide = channels[level - 1], channels[level]
                self.add_module(f"upconv{level}", nn.ConvTranspose2d(wide, narrow, 2, stride=2))
                self.add_module(f"decoder{level}", block(f"dec{level}", 2 * narrow, narrow))
            self.conv = nn.Conv2d(init_features, 1, 1)

        def forward(self, images: "Tensor") -> "Tensor":
            """Outputs (n, 1, height, width) of `images` (n, 3, height, width)."""
            features = images
            skips = []
            for level in range(1, LEVELS + 1):
                features = self.get_submodule(f"encoder{level}")(features)
                skips.append(features)
                features = self.pool(features)
            features = self.bottleneck(features)
            for level in range(LEVELS, 0, -1):
                upsampled = self.get_submodule(f"upconv{level}")(features)
                joined = torch.cat((upsampled, skips.pop()), dim=1)
                features = self.get_submodule(f"decoder{level}")(joined)
            return torch.sigmoid(self.conv(features))

    return UNet
