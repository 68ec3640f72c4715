"""The float32 graph of a network, wherever it comes from."""

from collections.abc import Sequence
from pathlib import Path

from segtrt.graphs.export import Exported, export_network
from segtrt.graphs.intake import take_onnx
from segtrt.graphs.proof_file import write_export
from segtrt.graphs.running import Values
from segtrt.model.bundle import bundle_contract
from segtrt.model.load import load, load_program
from segtrt.model.source import Kind, NetworkSource, Overrides


def export_source(
    source: NetworkSource,
    weights: Path | None,
    out: Path,
    proof: Path,
    *,
    overrides: Overrides,
    opset: int,
) -> None:
    """`write_source_graph`, with a file of how far the graph's answers are from the network's."""
    exported = write_source_graph(source, weights, out, overrides=overrides, opset=opset)
    write_export(exported, proof)


def write_source_graph(
    source: NetworkSource,
    weights: Path | None,
    out: Path,
    *,
    overrides: Overrides,
    opset: int,
    images: Sequence[Values] = (),
) -> Exported:
    """Write a network as a normalised float32 graph, proven against it.

    Args:
        source: where the network comes from.
        weights: weights given apart, or None.
        out: the ONNX file to make.
        overrides: what the settings say of the network.
        opset: ONNX operator set.
        images: batches to compare on besides noise; not for an ONNX file.

    Raises:
        SegtrtError: the network cannot be loaded or exported, or the graph differs from it.
    """
    if source.kind is Kind.ONNX:
        assert source.path is not None
        return take_onnx(
            source.path, out, opset=opset, size=overrides.size, output=overrides.output
        )
    channels = overrides.channels
    if source.kind is Kind.BUNDLE and channels is None:
        assert source.path is not None
        channels = bundle_contract(source.path).get("channels")
    return export_network(
        load_program(source) if source.kind is Kind.EXPORTED else load(source, weights),
        out,
        opset=opset,
        channels=channels,
        size=overrides.size,
        output=overrides.output,
        name="unet" if source.kind is Kind.UNET else "network",
        images=images,
    )
