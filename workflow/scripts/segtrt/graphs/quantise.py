"""Quantise/dequantise pairs in a float32 graph: int8 and fp8."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segtrt.errors import SegtrtError
from segtrt.graphs.activation_ranges import activation_ranges
from segtrt.graphs.calibration import CalibrationImages, calibration_digest
from segtrt.graphs.clean import OUTPUT, raise_opset, read_graph, weight_inputs, write_graph
from segtrt.precision import Precision

if TYPE_CHECKING:
    import onnx

_OUTPUT_AXIS = {"Conv": 0, "ConvTranspose": 1}
"""Axis of a weight tensor that counts the output channels."""

_FP8_OPSET = 19
"""The first ONNX operator set whose quantise/dequantise operators know float8."""

_SMALLEST = float(np.finfo(np.float32).tiny)


def quantise(
    graph: Path,
    images: CalibrationImages,
    out: Path,
    *,
    precision: Precision = Precision.INT8,
    method: str = "minmax",
    signed: bool = False,
) -> None:
    """Put quantise/dequantise pairs around the convolutions of the float32 graph.

    Weights are symmetric with a scale per output channel, activations have one scale per tensor;
    biases, the last convolution and the sigmoid stay in float32. Activations are
    - int8: unsigned with a zero point, which ONNX Runtime and OpenVINO run fastest;
    - int8, `signed`: signed and symmetric, the only kind TensorRT takes;
    - fp8: float8 E4M3 (largest value 448), symmetric, around convolutions whose channels are
      multiples of 16, the only ones TensorRT runs in FP8.

    Args:
        graph: the float32 graph.
        images: calibration images; read once, twice for other methods than `minmax`, and once
            for their hash, which goes into the graph's metadata.
        out: the file to make.
        precision: int8 or fp8.
        method: one of `segtrt.graphs.activation_ranges.METHODS`.
        signed: int8 only.

    Raises:
        SegtrtError: the graph cannot be read, has nothing to quantise, or the images do not do.
    """
    model = read_graph(graph)
    scheme = _scheme(precision, signed)
    convolutions = _convolutions(model.graph, scheme)
    groups = _groups(model.graph, convolutions, scheme)
    ranges = activation_ranges(model, groups, images, method)
    if precision is Precision.FP8:
        raise_opset(model, _FP8_OPSET)
    scales = {
        name: scheme.activation(
            min(ranges[other][0] for other in members), max(ranges[other][1] for other in members)
        )
        for name, members in groups.items()
    }
    _insert_pairs(model.graph, convolutions, scales, scheme)
    properties = {
        "segtrt.precision": precision,
        "segtrt.activations": scheme.activations.name,
        "segtrt.calibration": calibration_digest(images),
        "segtrt.calibration_method": method,
    }
    write_graph(model, out, properties)


@dataclass(frozen=True)
class _Scheme:
    """What is quantised, and into which types."""

    weights: "np.dtype[Any]"
    activations: "np.dtype[Any]"
    limit: float
    """Largest magnitude of the quantised weights, and of signed activations."""
    operators: frozenset[str]
    channels: int
    """Channels of a quantised convolution are a multiple of this."""
    quantised_inputs: frozenset[str] = frozenset()
    """Operators whose input is quantised even where they are not: its producer's result then is."""
    transparent: frozenset[str] = frozenset()
    """Operators that only pass values on, and so can run on quantised ones."""
    one_scale: frozenset[str] = frozenset()
    """Those whose inputs and outputs have one scale in common."""

    def activation(self, low: float, high: float) -> tuple[np.float32, NDArray[Any]]:
        """Scale and zero point for values from `low` to `high`, low <= 0 <= high."""
        if self.activations == np.uint8:
            scale = np.float32(max((high - low) / 255, _SMALLEST))
            return scale, np.array(np.rint(-low / scale), np.uint8)
        scale = np.float32(max(-low, high, _SMALLEST * self.limit) / self.limit)
        return scale, np.array(0, self.activations)

    def quantise_weights(
        self, weights: NDArray[np.float32], axis: int
    ) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """Quantised weights, and their scales along `axis`."""
        others = tuple(i for i in range(weights.ndim) if i != axis)
        largest = np.abs(weights).max(axis=others, keepdims=True)
        if not np.isfinite(largest).all():
            raise SegtrtError(
                "the graph has weights that are infinite or not numbers; check model.weights"
            )
        scales = np.maximum(largest / np.float32(self.limit), np.float32(_SMALLEST))
        values = np.clip(weights / scales, -self.limit, self.limit)
        if self.weights == np.int8:
            values = np.rint(values)
        return values.astype(self.weights), scales.reshape(-1)


def _scheme(precision: Precision, signed: bool) -> _Scheme:
    if precision is Precision.FP8:
        import ml_dtypes

        float8 = np.dtype(ml_dtypes.float8_e4m3fn)
        return _Scheme(float8, float8, 448, frozenset({"Conv"}), channels=16)
    return _Scheme(
        weights=np.dtype(np.int8),
        activations=np.dtype(np.int8 if signed else np.uint8),
        limit=127,
        operators=frozenset(_OUTPUT_AXIS),
        channels=1,
        quantised_inputs=frozenset(_OUTPUT_AXIS),
        transparent=frozenset({"MaxPool", "Concat"}),
        # A zero point other than 0 would keep a ReLU from being merged into its convolution, so
        # unsigned activations do not share theirs across a concatenation.
        one_scale=frozenset({"MaxPool", "Concat"} if signed else {"MaxPool"}),
    )


def _convolutions(graph: "onnx.GraphProto", scheme: _Scheme) -> set[str]:
    """Names of the convolutions to quantise."""
    weights = weight_inputs(graph)
    before_output = {name for node in graph.node if OUTPUT in node.output for name in node.input}
    chosen = {
        node.name
        for node in graph.node
        if node.op_type in scheme.operators
        and not before_output.intersection(node.output)
        and all(channels % scheme.channels == 0 for channels in weights[node.input[1]].dims[:2])
    }
    if not chosen:
        raise SegtrtError(
            f"no convolution of the graph has channels in multiples of {scheme.channels}, as FP8 "
            "needs; raise model.init_features or leave fp8 out of engines.precisions"
        )
    return chosen


def _groups(
    graph: "onnx.GraphProto", convolutions: set[str], scheme: _Scheme
) -> dict[str, list[str]]:
    """The activations to quantise, each with all those that share its scale."""
    group: dict[str, list[str]] = {}
    for node in graph.node:
        if node.name in convolutions or node.op_type in scheme.quantised_inputs:
            group.setdefault(node.input[0], [node.input[0]])
        elif node.op_type in scheme.transparent:
            names = [*node.input, *node.output]
            for name in names:
                group.setdefault(name, [name])
            if node.op_type in scheme.one_scale:
                joined = sorted({member for name in names for member in group[name]})
                group.update(dict.fromkeys(joined, joined))
    return group


def _insert_pairs(
    graph: "onnx.GraphProto",
    convolutions: set[str],
    scales: dict[str, tuple[np.float32, NDArray[Any]]],
    scheme: _Scheme,
) -> None:
    """Rewrite the graph; `scales` has scale and zero point of each activation to quantise."""
    import onnx

    weights = weight_inputs(graph)
    nodes: list[onnx.NodeProto] = []

    def add_weights(name: str, values: NDArray[Any]) -> str:
        weights[name] = onnx.numpy_helper.from_array(values, name)
        return name

    def add_node(kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(onnx.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def pairs(names: Iterator[str]) -> None:
        for name in names:
            if name in scales:
                scale, zero_point = scales[name]
                parameters = [
                    add_weights(f"{name}/scale", np.asarray(scale)),
                    add_weights(f"{name}/zero_point", zero_point),
                ]
                codes = add_node("QuantizeLinear", f"{name}/quantised", [name, *parameters])
                add_node("DequantizeLinear", f"{name}/dequantised", [codes, *parameters])

    pairs(value.name for value in graph.input)
    for node in list(graph.node):
        node.input[:] = [f"{name}/dequantised" if name in scales else name for name in node.input]
        if node.name in convolutions:
            axis, name = _OUTPUT_AXIS[node.op_type], node.input[1]
            codes, scale = scheme.quantise_weights(onnx.numpy_helper.to_array(weights[name]), axis)
            parameters = [
                add_weights(name, codes),
                add_weights(f"{name}/scale", scale),
                add_weights(f"{name}/zero_point", np.zeros(len(scale), scheme.weights)),
            ]
            node.input[1] = add_node(
                "DequantizeLinear", f"{name}/dequantised", parameters, axis=axis
            )
        nodes.append(node)
        pairs(iter(node.output))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(weights.values())
