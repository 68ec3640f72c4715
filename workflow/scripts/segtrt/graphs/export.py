"""From a state dict to an ONNX graph that is proven against PyTorch."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segtrt.arrays import Images
from segtrt.errors import SegtrtError
from segtrt.files import replacing
from segtrt.graphs.clean import INPUT, OUTPUT, clean_graph, write_graph
from segtrt.model.weights import load_network
from segtrt.precision import Precision

if TYPE_CHECKING:
    import torch

TOLERANCE = 1e-4
"""Largest absolute difference of a probability that the graph may show against PyTorch."""

logger = logging.getLogger(__name__)


def export_onnx(
    weights: Path, init_features: int, opset: int, out: Path, images: "Images | None" = None
) -> float:
    """Export the network with its weights as an ONNX graph in float32.

    The graph's input is `input`, (batch, 3, 256, 256) float32, its output `output`,
    (batch, 1, 256, 256) float32 in 0..1, with a free batch size. Batch norms are folded into
    their convolutions. The same weights give the same bytes, wherever and whenever.

    Args:
        weights: state dict as safetensors.
        init_features: channels of the network's first block.
        opset: ONNX operator set.
        out: the file to make; it appears only if the graph agrees with PyTorch.
        images: what to compare on, (n, 3, 256, 256) float32; None takes three images of noise.

    Returns:
        The largest absolute difference to PyTorch's probabilities.

    Raises:
        SegtrtError: the weights do not fit the network, an answer is not finite, or the graph
            differs from PyTorch by more than `TOLERANCE`.
    """
    network = load_network(weights, init_features)
    if images is None:
        images = np.random.default_rng(0).standard_normal((3, 3, 256, 256), dtype=np.float32)
    with replacing(out) as partial:
        _export(network, opset, partial)
        error = _compare(partial, network, images)
    logger.info("largest difference to PyTorch on %d images: %.2g", len(images), error)
    return error


def _export(network: "torch.nn.Module", opset: int, out: Path) -> None:
    import torch

    with _quiet():
        program = torch.onnx.export(
            network,
            # Two images: a batch of one would be taken for a constant.
            (torch.zeros(2, 3, 256, 256),),
            dynamo=True,
            verbose=False,
            opset_version=opset,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    assert program is not None  # None only without dynamo
    model = program.model_proto
    clean_graph(model)
    left = {node.op_type for node in model.graph.node} & {"BatchNormalization"}
    if left or model.opset_import[0].version != opset:
        raise RuntimeError(f"the exporter left {left} at opset {model.opset_import[0].version}")
    write_graph(model, out, {"segtrt.precision": Precision.FP32})


def _compare(graph: Path, network: "torch.nn.Module", images: Images) -> float:
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    error = 0.0
    count = len(images)
    with torch.inference_mode():
        for number in range(count):
            image = np.ascontiguousarray(images[number : number + 1])
            expected = network(torch.from_numpy(image)).numpy()
            (got,) = session.run([OUTPUT], {INPUT: image})
            # `max` passes over values that are not numbers: they are told first.
            for what, values in (("PyTorch's answer", expected), ("the ONNX graph's", got)):
                if bad := int(np.count_nonzero(~np.isfinite(values))):
                    raise SegtrtError(
                        f"{what} on image {number + 1} of {count} has {bad} values that are "
                        "infinite or not numbers, so the graph cannot be compared; check "
                        "model.weights, or train them again"
                    )
            error = max(error, float(np.abs(got - expected).max()))
    if error > TOLERANCE:
        raise SegtrtError(
            f"the ONNX graph differs from PyTorch by {error:.3g} on a probability, "
            f"at most {TOLERANCE:g} was expected; try another model.opset"
        )
    return error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about itself out of the user's terminal; errors still show."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)
