"""What is changed in an ONNX graph before TensorRT-RTX reads it: the same sums in another form.

Both changes were measured with TensorRT-RTX 1.6.1 on an H100 (benchmarks/results/README.md).
"""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segtrt.graphs.mixing import taken_from
from segtrt.precision import Graph, Precision
from segtrt.runtimes.base import BuildSettings

if TYPE_CHECKING:
    import onnx

Choice = Callable[["onnx.NodeProto"], bool]
"""Says of a node whether it is meant."""

_SMALL_BATCH = 4
_WIDE = 128
"""In float16 and larger batches, upsampling of more channels than this is faster as it is."""


def adapt_graph(model: "onnx.ModelProto", settings: BuildSettings) -> None:
    """Change `model`, in place, into the form that suits TensorRT-RTX for such an engine."""
    batch = settings.dynamic_opt if settings.profile == "dynamic" else settings.batch_size
    if settings.precision is Precision.FP32:
        transpose_convolutions(model)
    elif settings.precision.is_mix:
        transpose_convolutions(model, _of(None))
        for graph in dict.fromkeys(map(taken_from, model.graph.node)):
            if graph is not None:
                split_upsampling(model, _most_channels(graph.precision, batch), _of(graph))
    else:
        split_upsampling(model, _most_channels(settings.precision, batch))


def _most_channels(precision: Precision, batch: int) -> int | None:
    """Most input channels of upsampling that is to be split; None splits all."""
    return _WIDE if precision is Precision.FP16 and batch > _SMALL_BATCH else None


def _of(graph: Graph | None) -> Choice:
    """The nodes of a mixed graph that were taken from `graph`."""
    return lambda node: taken_from(node) is graph


def _any(node: "onnx.NodeProto") -> bool:  # noqa: ARG001 - a choice like others
    return True


def split_upsampling(
    model: "onnx.ModelProto", most_channels: int | None = None, chosen: Choice = _any
) -> int:
    """Write transposed convolutions as `Conv` and `DepthToSpace`.

    Where kernel and stride are both 2x2, each result comes from one pixel alone: a 1x1 convolution
    to four times the channels, whose results are then put side by side, gives the same sums.
    TensorRT-RTX is faster with it, and has no FP8 engine's transposed convolution on every GPU.

    Args:
        model: the model, changed in place.
        most_channels: leave those with more input channels alone; None takes them all.
        chosen: whether a node may be changed.

    Returns:
        How many were changed.
    """
    import onnx

    constants = _own_constants(model.graph)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        if not (chosen(node) and _fits(node, "ConvTranspose", constants, _UPSAMPLING)):
            continue
        kernel, *bias = (constants[name] for name in node.input[1:])
        if most_channels is not None and kernel.dims[0] > most_channels:
            continue
        _change(kernel, _taps_first)
        for tensor in bias:
            _change(tensor, lambda values: np.tile(values, 4))
        taps = f"{node.name}/taps"
        make = onnx.helper.make_node
        nodes[-1] = make("Conv", node.input, [taps], node.name)
        shuffled = f"{node.name}/shuffle"
        nodes.append(make("DepthToSpace", [taps], node.output, shuffled, blocksize=2, mode="DCR"))
    changed = len(nodes) - len(model.graph.node)
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    return changed


def transpose_convolutions(model: "onnx.ModelProto", chosen: Choice = _any) -> int:
    """Write float32's 3x3 convolutions as transposed ones: kernels turned round, channels swapped.

    TensorRT-RTX adds up in float32 only in transposed convolutions. The errors of its others grow
    with the number of products in a sum as those of truncated sums do, with TF32 off too: with
    trained weights up to 3e-3 in a probability, 6e-6 after this change. It takes four times as
    long.

    Args:
        model: the model, changed in place.
        chosen: whether a node may be changed.

    Returns:
        How many were changed.
    """
    import onnx

    constants = _own_constants(model.graph)
    changed = 0
    for node in model.graph.node:
        if not (chosen(node) and _fits(node, "Conv", constants, _SAME_SIZE)):
            continue
        kernel = constants[node.input[1]]
        if kernel.data_type != onnx.TensorProto.FLOAT:
            continue
        _change(kernel, lambda values: _swapped(values[:, :, ::-1, ::-1]))
        node.CopyFrom(
            onnx.helper.make_node(
                "ConvTranspose", node.input, node.output, node.name, pads=[1, 1, 1, 1]
            )
        )
        changed += 1
    return changed


_PLAIN = {"auto_pad": b"NOTSET", "dilations": [1, 1], "group": 1, "output_padding": [0, 0]}
_UPSAMPLING = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0]}
_SAME_SIZE = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1]}
_DEFAULTS = {"strides": [1, 1], "pads": [0, 0, 0, 0]}


def _own_constants(graph: "onnx.GraphProto") -> "dict[str, onnx.TensorProto]":
    """The initialisers that one node alone uses, by name."""
    uses = Counter(name for node in graph.node for name in node.input)
    return {tensor.name: tensor for tensor in graph.initializer if uses[tensor.name] == 1}


def _fits(
    node: "onnx.NodeProto",
    operator: str,
    constants: "dict[str, onnx.TensorProto]",
    wanted: dict[str, Any],
) -> bool:
    """Whether it is this operator with these attributes, and its weights are its own constants."""
    import onnx

    if node.op_type != operator or not constants.keys() >= set(node.input[1:]):
        return False
    found = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    kernel = {"kernel_shape": list(constants[node.input[1]].dims[2:])}
    return {**_PLAIN, **_DEFAULTS, **kernel, **found} == {**_PLAIN, **wanted}


def _taps_first(kernel: NDArray[Any]) -> NDArray[Any]:
    """(in, out, 2, 2) as (4 * out, in, 1, 1), the four taps outermost."""
    inputs, outputs = kernel.shape[:2]
    return kernel.transpose(2, 3, 1, 0).reshape(4 * outputs, inputs, 1, 1)


def _swapped(kernel: NDArray[Any]) -> NDArray[Any]:
    """(a, b, height, width) as (b, a, height, width)."""
    return kernel.transpose(1, 0, 2, 3)


def _change(tensor: "onnx.TensorProto", change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Put `change` of its values in the tensor's place."""
    import onnx

    values = np.ascontiguousarray(change(onnx.numpy_helper.to_array(tensor)))
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
