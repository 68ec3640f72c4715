"""The project's own int8 and fp8 graphs: quantise/dequantise pairs around convolutions."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segtrt.errors import SegtrtError
from segtrt.graphs.activation_ranges import activation_ranges
from segtrt.graphs.calibration import CalibrationImages, calibration_digest
from segtrt.graphs.clean import raise_opset, read_graph, weight_inputs, write_graph
from segtrt.precision import Graph

if TYPE_CHECKING:
    import onnx

_OUTPUT_AXIS = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}
"""Axis of a constant weight tensor that counts the output channels."""

_SMALLEST = float(np.finfo(np.float32).tiny)

Scale = tuple[np.float32, NDArray[Any]]
"""Scale and zero point of an activation."""


def quantise(
    graph: Path,
    images: CalibrationImages,
    out: Path,
    wanted: Graph = Graph.INT8,
    *,
    method: str = "minmax",
) -> None:
    """Put quantise/dequantise pairs around the convolutions of a normalised float32 graph.

    Products with constant matrices, the linear layers of a transformer, count as convolutions.
    Weights are symmetric with a scale per output channel, activations have one scale per tensor;
    biases, the last convolutions and all other operators stay in float32. Activations are
    - int8, int8_openvino: unsigned with a zero point, which ONNX Runtime and OpenVINO run fastest;
    - int8_signed: signed and symmetric, the only kind TensorRT takes;
    - fp8: float8 E4M3, symmetric, around convolutions whose channels are multiples of 16, the only
      ones that TensorRT runs in fp8.

    Args:
        graph: the float32 graph.
        images: calibration images; read once, twice for other methods than `minmax`, and once
            for their hash, which goes into the graph's metadata.
        out: the file to make.
        wanted: a quantised graph.
        method: one of `segtrt.graphs.activation_ranges.METHODS`.

    Raises:
        SegtrtError: the graph cannot be read, has nothing to quantise, or the images do not do.
    """
    codes = _codes(wanted)
    model = read_graph(graph)
    raise_opset(model, codes.opset)
    parts = _Parts(model)
    chosen = _convolutions(parts, codes, wanted)
    groups = _groups(parts, chosen, codes)
    ranges = activation_ranges(model, groups, images, method)
    scales = {
        name: codes.activation(
            min(ranges[other][0] for other in members), max(ranges[other][1] for other in members)
        )
        for name, members in groups.items()
    }
    _insert_pairs(model.graph, chosen, scales, codes)
    properties = {
        "segtrt.precision": wanted.precision,
        "segtrt.activations": codes.activations.name,
        "segtrt.calibration": calibration_digest(images),
        "segtrt.calibration_method": method,
    }
    write_graph(model, out, properties)


@dataclass(frozen=True)
class _Codes:
    """What is quantised, and into which codes."""

    weights: "np.dtype[Any]"
    activations: "np.dtype[Any]"
    limit: int
    """Largest magnitude of the quantised weights, and of signed activations."""
    opset: int
    """The first ONNX operator set that has such pairs, with a scale per channel."""
    operators: frozenset[str]
    """Those whose weights are quantised."""
    channels: int = 1
    """A quantised convolution has multiples of this, in its input and in its output."""
    before_float: bool = False
    """Whether inputs of convolutions that stay float32 are quantised: their producer's result
    then is."""
    transparent: frozenset[str] = frozenset()
    """Operators that only pass values on, and so can run on quantised ones."""
    one_scale: frozenset[str] = frozenset()
    """Those of them whose inputs and outputs have one scale in common."""

    def activation(self, low: float, high: float) -> Scale:
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


def _codes(wanted: Graph) -> _Codes:
    if wanted is Graph.FP8:
        import ml_dtypes

        float8 = np.dtype(ml_dtypes.float8_e4m3fn)
        return _Codes(float8, float8, 448, 19, frozenset({"Conv"}), channels=16)
    signed = wanted.quantised is not None and wanted.quantised.signed
    return _Codes(
        weights=np.dtype(np.int8),
        activations=np.dtype(np.int8 if signed else np.uint8),
        limit=127,
        opset=13,
        operators=frozenset(_OUTPUT_AXIS),
        before_float=True,
        transparent=frozenset({"MaxPool", "Concat"}),
        # A zero point other than 0 would keep a ReLU from being merged into its convolution, so
        # unsigned activations do not share theirs across a concatenation.
        one_scale=frozenset({"MaxPool", "Concat"} if signed else {"MaxPool"}),
    )


class _Parts:
    """A graph and what is known of its tensors."""

    def __init__(self, model: "onnx.ModelProto") -> None:
        import onnx

        self.nodes = list(model.graph.node)
        self.weights = weight_inputs(model.graph)
        self.output = model.graph.output[0].name
        self.producers = {name: node for node in self.nodes for name in node.output}
        inferred = onnx.shape_inference.infer_shapes(model).graph
        self._float = {
            value.name
            for value in (*inferred.value_info, *inferred.input, *inferred.output)
            if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        }

    def is_activation(self, name: str) -> bool:
        """Whether a tensor holds float32 values that are no weights."""
        return name in self._float and name not in self.weights

    def is_convolution(self, node: "onnx.NodeProto") -> bool:
        """Whether a node is of a kind that is quantised, with constant float32 weights."""
        if node.op_type not in _OUTPUT_AXIS or not self.is_activation(node.input[0]):
            return False
        weight = self.weights.get(node.input[1])
        if weight is None or weight.data_type != 1:
            return False
        return node.op_type != "MatMul" or len(weight.dims) == 2

    def before_output(self) -> set[str]:
        """Names of the convolutions between which and the output there is no other one."""
        last: set[str] = set()
        seen: set[str] = set()
        waiting = [self.output]
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.producers:
                continue
            seen.add(name)
            node = self.producers[name]
            if self.is_convolution(node):
                last.add(node.name)
            elif node.op_type != "Shape":
                waiting.extend(name for name in node.input if self.is_activation(name))
        return last


def _convolutions(parts: _Parts, codes: _Codes, wanted: Graph) -> set[str]:
    """Names of the convolutions to quantise: all that can be but the last ones."""
    last = parts.before_output()
    chosen = {
        node.name
        for node in parts.nodes
        if parts.is_convolution(node)
        and node.op_type in codes.operators
        and node.name not in last
        and not any(size % codes.channels for size in parts.weights[node.input[1]].dims[:2])
    }
    if not chosen:
        narrow = f" of channels in multiples of {codes.channels}" if codes.channels > 1 else ""
        raise SegtrtError(
            f"the graph has no convolution{narrow} to quantise but the last one, which stays "
            f"float32; leave {wanted.precision} out of engines.precisions"
        )
    return chosen


def _groups(parts: _Parts, chosen: set[str], codes: _Codes) -> dict[str, list[str]]:
    """The activations to quantise, each with all those that share its scale."""
    group: dict[str, list[str]] = {}
    for node in parts.nodes:
        if node.name in chosen or (codes.before_float and parts.is_convolution(node)):
            group.setdefault(node.input[0], [node.input[0]])
        elif node.op_type in codes.transparent:
            names = [*node.input, *node.output]
            if not all(parts.is_activation(name) for name in names):
                continue
            for name in names:
                group.setdefault(name, [name])
            if node.op_type in codes.one_scale:
                joined = sorted({member for name in names for member in group[name]})
                group.update(dict.fromkeys(joined, joined))
    return group


def _insert_pairs(
    graph: "onnx.GraphProto", convolutions: set[str], scales: dict[str, Scale], codes: _Codes
) -> None:
    """Rewrite the graph; `scales` has scale and zero point of each activation to quantise."""
    import onnx

    weights = weight_inputs(graph)
    nodes: list[onnx.NodeProto] = []
    done: dict[str, str] = {}

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
                coded = add_node("QuantizeLinear", f"{name}/quantised", [name, *parameters])
                add_node("DequantizeLinear", f"{name}/dequantised", [coded, *parameters])

    def dequantised(name: str, axis: int) -> str:
        """The weights `name` from a quantised form, made once where several nodes share them."""
        if f"{name} {axis}" not in done:
            floating = onnx.numpy_helper.to_array(floats[name])
            values, scale = codes.quantise_weights(floating, axis)
            parameters = [
                add_weights(name, values),
                add_weights(f"{name}/scale", scale),
                add_weights(f"{name}/zero_point", np.zeros(len(scale), codes.weights)),
            ]
            done[f"{name} {axis}"] = add_node(
                "DequantizeLinear", f"{name}/dequantised", parameters, axis=axis
            )
        return done[f"{name} {axis}"]

    floats = dict(weights)
    pairs(value.name for value in graph.input)
    for node in list(graph.node):
        # A shape is the same before and after.
        if node.op_type != "Shape":
            node.input[:] = [f"{n}/dequantised" if n in scales else n for n in node.input]
        if node.name in convolutions:
            node.input[1] = dequantised(node.input[1], _OUTPUT_AXIS[node.op_type])
        nodes.append(node)
        pairs(iter(node.output))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(weights.values())
