"""A graph of several precisions: regions of a float32 graph replaced by converted ones."""

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError
from segtrt.graphs.clean import raise_opset, weight_inputs
from segtrt.graphs.regions import Region, borders, read_by
from segtrt.precision import CONVERTED, Graph

if TYPE_CHECKING:
    import onnx


_PREFIX_END = ":"
"""Between the graph that a node or tensor was taken from and its name there."""


def mix(
    source: "onnx.ModelProto",
    regions: Sequence[Region],
    converted: "Mapping[Graph, onnx.ModelProto]",
    chosen: Mapping[int, Graph],
) -> "onnx.ModelProto":
    """The float32 graph with some of its regions in other precisions.

    A region's nodes are taken from the converted graph as they stand there, with their quantise and
    dequantise pairs and casts, so ranges and codes are those of the whole converted graph. What
    crosses a border is float32. With all regions of one graph it computes what that graph does.

    Args:
        source: the normalised float32 graph.
        regions: its regions (`segtrt.graphs.regions`).
        converted: the graphs to take regions from, made from `source`.
        chosen: number of a region, from 0 -> the graph to take it from; the others stay float32.

    Raises:
        SegtrtError: a converted graph has not kept the names at the borders of its regions.
    """
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(source)
    parts = {name: onnx.ModelProto() for name in converted}
    for name, part in parts.items():
        part.CopyFrom(converted[name])
    opset = max(one.opset_import[0].version for one in (made, *parts.values()))
    for one in (made, *parts.values()):
        raise_opset(one, opset)
    kept = list(made.graph.node)
    for name in sorted(set(chosen.values())):
        numbers = [number for number, graph in chosen.items() if graph is name]
        inside = {node for number in numbers for node in regions[number].nodes}
        nodes = [node for node in source.graph.node if node.name in inside]
        taken, weights = _take(parts[name], name, source, *borders(source, nodes))
        kept = [node for node in kept if node.name not in inside] + taken
        made.graph.initializer.extend(weights)
    ordered = _in_order(kept)
    used = {name for node in ordered for name in read_by(node)}
    weights = [tensor for tensor in made.graph.initializer if tensor.name in used]
    del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
    made.graph.node.extend(ordered)
    made.graph.initializer.extend(weights)
    made.ir_version = max(one.ir_version for one in (made, *parts.values()))
    return made


def taken_from(node: "onnx.NodeProto") -> Graph | None:
    """The graph that a node of a mixed graph was taken from; None: the float32 graph."""
    name, _, own = node.name.partition(_PREFIX_END)
    return Graph(name) if own and name in CONVERTED else None


def is_changed(
    source: "onnx.ModelProto", region: Region, graph: Graph, converted: "onnx.ModelProto"
) -> bool:
    """Whether a region of a converted graph has nodes that are not in float32.

    Args:
        source: the normalised float32 graph.
        region: one of its regions.
        graph: name of the converted graph, for messages.
        converted: that graph.

    Raises:
        SegtrtError: as `mix`.
    """
    names = set(region.nodes)
    nodes = [node for node in source.graph.node if node.name in names]
    taken, _ = _take(converted, graph, source, *borders(source, nodes))
    kinds = ("QuantizeLinear", "DequantizeLinear", "Cast")
    before = sum(node.op_type in kinds for node in nodes)
    return sum(node.op_type in kinds for node in taken) > before


def _take(
    model: "onnx.ModelProto",
    name: Graph,
    source: "onnx.ModelProto",
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> "tuple[list[onnx.NodeProto], list[onnx.TensorProto]]":
    """The nodes and weights by which a converted graph makes `outputs` from `inputs`.

    All are renamed but the tensors at the borders, which are float32 as in the float32 graph.
    """
    import onnx

    types, expected = _types(model), _types(source)
    producers = {out: node for node in model.graph.node for out in node.output}
    ends = {tensor: _end(model, producers, source, name, tensor) for tensor in outputs}
    nodes, used = _reach(model, name, inputs, list(ends.values()))
    low = f"{name}{_PREFIX_END}"
    renamed = {out: low + out for node in nodes.values() for out in node.output if out}
    renamed |= {tensor: low + tensor for tensor in used}
    taken: list[onnx.NodeProto] = []

    def cast(what: str, into: str, kind: int) -> None:
        taken.append(onnx.helper.make_node("Cast", [what], [into], name=into, to=kind))

    float32 = onnx.TensorProto.FLOAT
    for tensor in inputs:
        own = types.get(tensor, float32)
        if expected.get(tensor, float32) == float32 != own:
            renamed[tensor] = f"{low}{tensor}/in"
            cast(tensor, renamed[tensor], own)
    back: list[tuple[str, str]] = []
    for tensor, end in ends.items():
        if expected.get(tensor, float32) == float32 != types.get(end, float32):
            back.append((renamed[end], tensor))
        else:
            renamed[end] = tensor
    for node in model.graph.node:
        if node.output[0] in nodes:
            taken.append(_renamed(node, low, renamed))
    for inner, outer in back:
        cast(inner, outer, float32)
    return taken, [_named(tensor, renamed[key]) for key, tensor in used.items()]


def _reach(
    model: "onnx.ModelProto", name: Graph, inputs: Sequence[str], ends: Sequence[str]
) -> "tuple[dict[str, onnx.NodeProto], dict[str, onnx.TensorProto]]":
    """What a graph needs to make `ends` from `inputs`: nodes by their first output, and weights."""
    weights = weight_inputs(model.graph)
    producers = {out: node for node in model.graph.node for out in node.output}
    nodes: dict[str, onnx.NodeProto] = {}
    used: dict[str, onnx.TensorProto] = {}
    waiting, seen = list(ends), set(inputs)
    while waiting:
        tensor = waiting.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        if tensor in weights:
            used[tensor] = weights[tensor]
        elif tensor in producers:
            node = producers[tensor]
            nodes[node.output[0]] = node
            waiting.extend(read_by(node))
        else:
            raise _lost(name, tensor)
    return nodes, used


def _end(
    model: "onnx.ModelProto",
    producers: "Mapping[str, onnx.NodeProto]",
    source: "onnx.ModelProto",
    name: Graph,
    tensor: str,
) -> str:
    """The tensor of a converted graph that stands for one of the float32 graph.

    ONNX Runtime's quantiser drops a ReLU where the codes that follow clip as it does: then it is
    what comes out of these codes.
    """
    made = producers.get(tensor)
    kind = next(node.op_type for node in source.graph.node if tensor in node.output)
    if kind not in ("Relu", "Clip") or (made is not None and made.op_type == kind):
        return tensor
    coded = {node.output[0] for node in model.graph.node if list(node.input[:1]) == [tensor]}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in coded:
            return str(node.output[0])
    raise _lost(name, tensor)


def _lost(name: Graph, tensor: str) -> SegtrtError:
    return SegtrtError(
        f"the graph in {name} does not keep {tensor} of the float32 graph, so its regions cannot "
        "be told apart"
    )


def _types(model: "onnx.ModelProto") -> dict[str, int]:
    """Element type of each tensor as far as it is known."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.value_info, *graph.input, *graph.output)
    }


def _renamed(node: "onnx.NodeProto", low: str, names: Mapping[str, str]) -> "onnx.NodeProto":
    import onnx

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = low + (node.name or node.output[0])
    _rename_reads(copy, names)
    copy.output[:] = [names.get(name, name) for name in node.output]
    return copy


def _rename_reads(node: "onnx.NodeProto", names: Mapping[str, str]) -> None:
    node.input[:] = [names.get(name, name) for name in node.input]
    for attribute in node.attribute:
        for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            for one in inner.node:
                _rename_reads(one, names)


def _named(tensor: "onnx.TensorProto", name: str) -> "onnx.TensorProto":
    import onnx

    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy


def _in_order(nodes: "Sequence[onnx.NodeProto]") -> "list[onnx.NodeProto]":
    """Nodes in an order in which each follows those that it reads from."""
    makers = {name: place for place, node in enumerate(nodes) for name in node.output if name}
    needs = {
        place: sorted({makers[name] for name in read_by(node) if name in makers})
        for place, node in enumerate(nodes)
    }
    return [nodes[place] for place in TopologicalSorter(needs).static_order()]
