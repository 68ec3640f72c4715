"""The demo's network: its source, loaded, and as a graph."""

from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.graphs.export import Exported
from segtrt.graphs.source_graph import write_source_graph
from segtrt.model.inference import NetworkFiles
from segtrt.model.load import load
from segtrt.model.source import NetworkSource, Overrides, describe

if TYPE_CHECKING:
    from torch import nn


def unet(init_features: int) -> NetworkSource:
    """Its source."""
    return describe("unet", {"init_features": init_features}, Path())


def unet_files(weights: Path, init_features: int) -> NetworkFiles:
    """Its files, as a job is given them."""
    return NetworkFiles(unet(init_features), weights, graph=None, output=None)


def load_network(weights: Path, init_features: int) -> "nn.Module":
    """It, with weights."""
    return load(unet(init_features), weights)


def export_unet(weights: Path, init_features: int, opset: int, out: Path) -> Exported:
    """Export it as the workflow does."""
    source = unet(init_features)
    return write_source_graph(source, weights, out, overrides=Overrides(), opset=opset)
