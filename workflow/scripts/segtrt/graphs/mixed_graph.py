"""The graph of a mix: made, and proven against the float32 graph as conversions are."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.files import replacing, write_bytes
from segtrt.graphs.calibration import CalibrationImages
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.converters import choose, trait_of
from segtrt.graphs.ending import activation_of
from segtrt.graphs.mixing import mix
from segtrt.graphs.proof import Agreement, agreement, run_as_proven, run_exactly
from segtrt.graphs.proof_file import write_made, write_obstacle
from segtrt.graphs.proof_images import proof_images
from segtrt.graphs.regions import Region
from segtrt.precision import Graph, Precision

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mixture:
    """What a mixed graph is made of, and how far its answers are from the float32 graph's."""

    precision: Precision
    regions: Mapping[str, Graph]
    """Name of a region that is not in float32 -> the graph that it was taken from."""
    agreement: Agreement

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "graph": str(self.precision.graph),
            "regions": {name: str(graph) for name, graph in self.regions.items()},
            "agreement": self.agreement.to_json(),
        }


def make_mixed_graph(
    source: Path,
    regions: Sequence[Region],
    converted: Mapping[Graph, Path],
    chosen: Mapping[int, Graph],
    out: Path,
    *,
    precision: Precision,
    calibration: CalibrationImages | None,
) -> Mixture:
    """Write the graph of a mix; with nothing chosen it is the float32 graph.

    The file appears only if its answers, in ONNX Runtime without optimisation or in OpenVINO, are
    near the float32 graph's: on calibration images if there are any, else on noise.

    Args:
        source: the normalised float32 graph.
        regions: its regions.
        converted: the graphs that are chosen from, at least.
        chosen: number of a region, from 0 -> the graph to take it from.
        out: the file to make.
        precision: the mix's name.
        calibration: the calibration images, where a graph of the run is quantised.

    Raises:
        SegtrtError: a graph cannot be read or has not kept the names at the borders of regions, or
            the answers are wrong.
    """
    model = read_graph(source)
    used = set(chosen.values())
    taken = {graph: read_graph(path) for graph, path in converted.items() if graph in used}
    with replacing(out) as partial:
        write_graph(
            mix(model, regions, taken, chosen), partial, {"segtrt.precision": str(precision)}
        )
        found = agreement(
            proof_images(model, calibration),
            run_exactly(source),
            run_as_proven(partial, used),
            activation_of(model),
        )
        trait = trait_of(model)
        limit = max((choose(graph, trait).largest_error for graph in used), default=1e-3)
        # Not `>=`: that would let NaN pass.
        if not found.relative < limit:
            raise SegtrtError(
                f"the graph of {precision} is wrong: its answers differ from the float32 graph's "
                f"by {found.relative:.3g} of their spread, less than {limit:g} was expected; lower "
                "precision_search.max_loss"
            )
    logger.info(
        "%s of %d regions: error %.2g of the answers' spread, %.2g of the labels flipped",
        *(precision, len(chosen), found.relative, found.flipped),
    )
    names = {regions[number].name: graph for number, graph in sorted(chosen.items())}
    return Mixture(precision, names, found)


def make_and_record(make: Callable[[], Mixture], out: Path, proof: Path, *, skip: bool) -> str:
    """Make a mix's graph and write how that was done beside it.

    Args:
        make: `make_mixed_graph` with all it needs.
        out: the graph's file.
        proof: the file to write.
        skip: whether a graph that cannot be made is left empty, and the reason in `proof`.

    Returns:
        The reason; empty if the graph was made.

    Raises:
        SegtrtError: as `make_mixed_graph`, unless `skip`.
    """
    try:
        made = make()
    except SegtrtError as error:
        if not skip:
            raise
        reason = str(error)
        logger.warning("the mix is skipped: %s", reason)
        write_bytes(out, b"")
        write_obstacle(proof, reason)
        return reason
    write_made(proof, **made.to_json())
    return ""
