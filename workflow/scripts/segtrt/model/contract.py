"""Finding a network's contract from its source, before there are weights."""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from segtrt.graphs.source_graph import write_source_graph
from segtrt.model.network_file import UNET
from segtrt.model.probe import probe
from segtrt.model.source import NetworkSource, Overrides
from segtrt.model.spec import NetworkSpec, write_spec

logger = logging.getLogger(__name__)


def find_contract(
    source: NetworkSource, overrides: Overrides, opset: int
) -> tuple[NetworkSpec, Sequence[str]]:
    """A network's contract, and a line on each choice that was made.

    The U-Net's is known. Other networks are exported as they come, with the weights that they bring
    or draw, and probed.

    Args:
        source: where it comes from.
        overrides: what the settings say of it.
        opset: ONNX operator set to export to.

    Raises:
        SegtrtError: the network cannot be loaded, exported or run.
    """
    if source.has_known_contract(overrides):
        return UNET, ()
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "model.onnx"
        exported = write_source_graph(source, None, graph, overrides=overrides, opset=opset)
        spec, notes = probe(graph, overrides.activation, overrides.size)
    return spec, [*exported.notes, *notes]


def write_contract(source: NetworkSource, overrides: Overrides, opset: int, out: Path) -> None:
    """Write a network's contract as JSON; arguments and errors as for `find_contract`."""
    spec, notes = find_contract(source, overrides, opset)
    for note in notes:
        logger.info("%s", note)
    write_spec(spec, notes, out)
