"""How far a converted or exported graph's answers are from what they should be."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.graphs.running import GraphRun, Values
from segtrt.precision import Graph

_PROBABILITY = 0.05
"""Smallest spread to relate errors of probabilities to: on images without foreground they are all
nearly 0, and a share of next to nothing says nothing."""

_IN_OPENVINO = frozenset({Graph.BF16, Graph.INT8_OPENVINO})
"""Graphs that are proven in OpenVINO: ONNX Runtime has no bfloat16 convolution on the CPU."""

Run = Callable[[Values], Values]
"""Answers (patches, classes, *size) to images (patches, channels, *size)."""


@dataclass(frozen=True)
class Agreement:
    """Differences between expected answers and others; each is NaN if an answer is not finite."""

    relative: float
    """Root mean square of the difference over the expected answers' standard deviation; over 0.05
    or 0.1 per cent of their magnitude at least, where they hardly differ."""
    flipped: float
    """Share of the pixels or voxels with another label, 0..1."""
    largest: float
    """Largest absolute difference of an answer."""
    images: int
    """Patches compared."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; NaN is None."""
        return {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in asdict(self).items()
        }


def agreement(
    images: Iterable[Values], expected: Run, got: Run, activation: str = "none"
) -> Agreement:
    """Compare two networks' answers.

    Args:
        images: batches of patches (patches, channels, *size).
        expected: the network to compare with.
        got: the other one.
        activation: `none` for logits, where a network of one class says foreground above 0, else
            probabilities, 0.5. With several classes the label is the one of the largest answer.

    Raises:
        SegtrtError: the answers have different shapes, or there are no images.
    """
    threshold = 0.0 if activation == "none" else 0.5
    squares, largest, total, total_squares = 0.0, 0.0, 0.0, 0.0
    values = pixels = flipped = patches = 0
    for batch in images:
        want, have = expected(batch).astype(np.float64), got(batch).astype(np.float64)
        if want.shape != have.shape:
            raise SegtrtError(
                f"the graph answers with shape {have.shape}, {want.shape} was expected; export "
                "the network again"
            )
        with np.errstate(invalid="ignore"):
            difference = np.abs(have - want)
        squares += float(np.square(difference).sum())
        # Not `max(largest, ...)`: that would drop NaN.
        largest = float(np.maximum(largest, difference.max()))
        total += float(want.sum())
        total_squares += float(np.square(want).sum())
        labels = [_labels(answers, threshold) for answers in (want, have)]
        flipped += int(np.count_nonzero(labels[0] != labels[1]))
        values, pixels, patches = values + want.size, pixels + labels[0].size, patches + len(batch)
    if not values:
        raise SegtrtError("there are no images to compare on")
    if not np.isfinite(largest):
        return Agreement(float("nan"), float("nan"), float("nan"), patches)
    # Rounding may leave a constant's variance just below zero.
    spread = float(np.sqrt(max(total_squares / values - (total / values) ** 2, 0.0)))
    magnitude = float(np.sqrt(total_squares / values))
    scale = max(spread, 1e-3 * magnitude, 0.0 if activation == "none" else _PROBABILITY)
    error = float(np.sqrt(squares / values))
    # Expected answers that are all zero have no scale.
    relative = error / scale if scale else float("inf") if error else 0.0
    return Agreement(relative, flipped / pixels, largest, patches)


def run_openvino(graph: Path) -> Run:
    """A graph in OpenVINO, in float32 but for what the graph itself says.

    Shapes are fixed before it is compiled: OpenVINO 2026.4.1 runs sums of quantised convolutions
    wrongly where they are free (error 1.06 of the answers' spread, 0.03 with fixed shapes).

    Raises:
        SegtrtError: OpenVINO cannot be imported.
    """
    try:
        import openvino as ov
    except ImportError as error:
        raise SegtrtError(
            "graphs in bf16, and in int8 for OpenVINO, are proven in OpenVINO, which cannot be "
            f"imported ({error}); install the package openvino"
        ) from None

    core = ov.Core()
    compiled: dict[tuple[int, ...], Any] = {}

    def run(images: Values) -> Values:
        if images.shape not in compiled:
            model = core.read_model(graph)
            model.reshape({0: list(images.shape)})
            hints = {"INFERENCE_PRECISION_HINT": "f32"}
            compiled[images.shape] = core.compile_model(model, "CPU", hints)
        answers: Values = np.array(compiled[images.shape](images)[0], np.float32)
        return answers

    return run


def run_exactly(graph: Path) -> Run:
    """A graph in ONNX Runtime without optimisation: each operator as the file says."""
    run = GraphRun(graph.read_bytes(), optimise=False)
    return lambda images: np.asarray(run(images), np.float32)


def run_as_proven(path: Path, graphs: Iterable[Graph]) -> Run:
    """A graph where its answers can be proven.

    Args:
        path: its file.
        graphs: the graphs that it is, or that its regions are taken from.
    """
    return run_openvino(path) if _IN_OPENVINO.intersection(graphs) else run_exactly(path)


def _labels(answers: "np.typing.NDArray[np.float64]", threshold: float) -> Any:
    return answers[:, 0] > threshold if answers.shape[1] == 1 else answers.argmax(axis=1)
