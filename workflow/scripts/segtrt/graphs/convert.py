"""A float32 graph in another precision, by the tool that does best, and proven."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.files import replacing
from segtrt.graphs.calibration import CalibrationImages, calibration_digest
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.converters import Line, Tool, Trait, choose, trait_of
from segtrt.graphs.ending import activation_of
from segtrt.graphs.modelopt import narrow
from segtrt.graphs.modelopt import quantise as quantise_by_modelopt
from segtrt.graphs.proof import Agreement, agreement, run_as_proven, run_exactly
from segtrt.graphs.proof_images import proof_images
from segtrt.graphs.quantise import quantise
from segtrt.graphs.running import Values
from segtrt.graphs.static_quantisation import quantise_statically
from segtrt.precision import Graph

if TYPE_CHECKING:
    import onnx

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conversion:
    """How a graph was made, and how far its answers are from the float32 graph's."""

    graph: Graph
    tool: Tool
    trait: Trait
    reason: str
    """Why this tool, in a line."""
    agreement: Agreement

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "graph": str(self.graph),
            "tool": str(self.tool),
            "trait": str(self.trait),
            "reason": self.reason,
            "agreement": self.agreement.to_json(),
        }


def convert_onnx(
    source: Path,
    wanted: Graph,
    out: Path,
    calibration: CalibrationImages | None = None,
    method: str = "minmax",
    *,
    refuse_wrong: bool = True,
) -> Conversion:
    """Convert the float32 graph to another precision.

    Input and output stay float32. The same graph, and for int8 and fp8 the same calibration images
    in the same order, give the same bytes. The file appears only if its answers, in ONNX Runtime
    without optimisation or in OpenVINO, are near the float32 graph's: on calibration images if
    there are any, else on noise.

    Args:
        source: the normalised float32 graph.
        wanted: the graph to make.
        out: its file.
        calibration: the calibration images, for a quantised graph.
        method: how ranges are chosen from them, one of `segtrt.graphs.activation_ranges.METHODS`.
        refuse_wrong: False makes a graph of wrong answers too, to find what is wrong with it.

    Raises:
        SegtrtError: the graph cannot be read, calibration images are needed and missing, the tool
            is not installed or fails, or the answers are wrong.
    """
    model = read_graph(source)
    trait = trait_of(model)
    line = choose(wanted, trait)
    _refuse_non_finite(model)
    precision = wanted.precision
    if wanted.quantised and calibration is None:
        raise SegtrtError(
            f"{precision} needs calibration slices and got none; raise dataset.calibration_fraction"
        )
    images = proof_images(model, calibration)
    with replacing(out) as partial:
        if calibration is not None and wanted.quantised:
            _quantise(line, source, partial, calibration, method)
        else:
            properties = {"segtrt.precision": str(precision)}
            _write(lambda: narrow(source, precision, images), partial, properties, line)
        found = _compare(line, source, partial, images, activation_of(model))
        if refuse_wrong:
            _refuse_wrong(line, found)
    logger.info(
        "%s by %s: error %.2g of the answers' spread, %.2g of the labels flipped, on %d images",
        *(wanted, line.tool, found.relative, found.flipped, found.images),
    )
    return Conversion(wanted, line.tool, trait, line.reason, found)


def _refuse_non_finite(model: "onnx.ModelProto") -> None:
    """Refuse weights that are no numbers; limits and masks may be infinite."""
    import onnx

    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 2:
            values = onnx.numpy_helper.to_array(tensor)
            if not np.isfinite(values).all():
                raise SegtrtError(
                    f"{tensor.name} has weights that are infinite or not numbers; check "
                    "model.weights"
                )


def _quantise(line: Line, graph: Path, out: Path, images: CalibrationImages, method: str) -> None:
    if line.tool is Tool.OWN:
        quantise(graph, images, out, line.graph, method=method)
        return
    precision = line.graph.precision
    properties = {
        "segtrt.precision": str(precision),
        "segtrt.calibration": calibration_digest(images),
        "segtrt.calibration_method": method,
    }

    def make() -> "onnx.ModelProto":
        if line.tool is Tool.STATIC:
            made = quantise_statically(graph, images, method)
        else:
            made = quantise_by_modelopt(graph, precision, images, method)
        if not any(node.op_type == "QuantizeLinear" for node in made.graph.node):
            raise SegtrtError(
                f"{line.tool} finds nothing in this network to compute in {precision}, such as "
                f"convolutions of few channels; leave {precision} out of engines.precisions"
            )
        return made

    _write(make, out, properties, line)


def _write(
    make: "Callable[[], onnx.ModelProto]", out: Path, properties: Mapping[str, str], line: Line
) -> None:
    """Make a graph with another's tool and write it; what goes wrong in there is one line."""
    try:
        write_graph(make(), out, {**properties, "segtrt.converter": str(line.tool)})
    except SegtrtError:
        raise
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "")
        raise SegtrtError(
            f"{line.tool} cannot make a graph in {line.graph} of this network "
            f"({type(error).__name__}: {reason[:300]}); leave {line.graph.precision} out of "
            "engines.precisions"
        ) from error


def _compare(
    line: Line, graph: Path, converted: Path, images: Sequence[Values], activation: str
) -> Agreement:
    run = run_as_proven(converted, [line.graph])
    return agreement(images, run_exactly(graph), run, activation)


def _refuse_wrong(line: Line, found: Agreement) -> None:
    # Not `>=`: that would let NaN pass.
    if not found.relative < line.largest_error:
        raise SegtrtError(
            f"the graph in {line.graph} made by {line.tool} is wrong: its answers differ from the "
            f"float32 graph's by {found.relative:.3g} of their spread, less than "
            f"{line.largest_error:g} was expected; leave {line.graph.precision} out of "
            "engines.precisions"
        )
