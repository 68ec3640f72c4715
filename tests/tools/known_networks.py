"""Networks of the libraries that people use, small and with random weights unless said."""

from collections.abc import Callable
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any

import torch
from torch import nn


@cache
def declare_torchvision_operators() -> Any:
    """Declare the two operators without which torchvision does not import beside a CPU torch.

    The torchvision of the package registry is built for CUDA and cannot load its own there.
    """
    if torch.version.cuda:
        return None
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def smp_unet() -> nn.Module:
    """segmentation_models_pytorch: Unet with resnet18 and 4 classes."""
    declare_torchvision_operators()
    import segmentation_models_pytorch

    return segmentation_models_pytorch.Unet("resnet18", encoder_weights=None, classes=4)


def deeplab() -> nn.Module:
    """torchvision: DeepLabV3, which answers a dictionary."""
    declare_torchvision_operators()
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    return deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3, aux_loss=True
    )


def segformer() -> nn.Module:
    """transformers: SegFormer, which answers an object, at a quarter of the size."""
    declare_torchvision_operators()
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        num_labels=3,
        depths=[1, 1, 1, 1],
        hidden_sizes=[16, 32, 64, 64],
        num_attention_heads=[1, 2, 2, 4],
        decoder_hidden_size=64,
    )
    return SegformerForSemanticSegmentation(config)


def monai_unet(dimensions: int) -> nn.Module:
    """MONAI: UNet with instance norms and PReLU."""
    from monai.networks.nets import UNet

    return UNet(dimensions, 1, 2, (8, 16, 32), (2, 2), num_res_units=1)


def segresnet(dimensions: int) -> nn.Module:
    """MONAI: SegResNet, with group norms."""
    from monai.networks.nets import SegResNet

    return SegResNet(dimensions, init_filters=8, in_channels=1, out_channels=2)


def nnunet(dimensions: int) -> nn.Module:
    """nnU-Net's PlainConvUNet with deep supervision: it answers a list."""
    declare_torchvision_operators()
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    convolution, norm = {2: (nn.Conv2d, nn.InstanceNorm2d), 3: (nn.Conv3d, nn.InstanceNorm3d)}[
        dimensions
    ]
    return PlainConvUNet(
        *(1, 4, [8, 16, 32, 32], convolution, 3, [1, 2, 2, 2], 2, 3, 2, True),
        *(norm, {"affine": True}, None, None, nn.LeakyReLU, {"inplace": True}),
        deep_supervision=True,
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "smp_unet": smp_unet,
    "deeplab": deeplab,
    "segformer": segformer,
    "monai_unet_2d": lambda: monai_unet(2),
    "monai_unet_3d": lambda: monai_unet(3),
    "segresnet_2d": lambda: segresnet(2),
    "segresnet_3d": lambda: segresnet(3),
    "nnunet_2d": lambda: nnunet(2),
    "nnunet_3d": lambda: nnunet(3),
}


def make_network(name: str, channels: int, dimensions: int) -> nn.Module:
    """One of `NETWORKS` with weights drawn anew, its batch norms set by two batches of noise."""
    torch.manual_seed(0)
    network = NETWORKS[name]()
    side = 64 if dimensions == 2 else 32
    with torch.no_grad():
        for _ in range(2):
            network.train()(torch.randn(2, channels, *[side] * dimensions))
    return network.eval()


def file_of(package: str, name: str) -> Path:
    """A file that an installed package ships."""
    found = next(path for path in files(package) or () if path.name == name)
    return Path(str(found.locate()))


def deepbet() -> Path:
    """TorchScript with real weights: finds the brain in a T1 image, in 3-D."""
    return file_of("deepbet", "bbox_model.pt")


def dbnet() -> Path:
    """An ONNX file with real weights: finds text in pictures."""
    return file_of("rapidocr-onnxruntime", "ch_PP-OCRv4_det_infer.onnx")
