"""The demo's network as a graph."""

from pathlib import Path

from segtrt.graphs.export import Exported, export_network
from segtrt.model.unet import IMAGE_SIZE
from segtrt.model.weights import load_network


def export_unet(weights: Path, init_features: int, opset: int, out: Path) -> Exported:
    """Export the U-Net as the workflow does."""
    network = load_network(weights, init_features)
    return export_network(network, out, opset=opset, size=(IMAGE_SIZE, IMAGE_SIZE), name="unet")
