"""Regions: a graph cut into a few parts that follow each other as the data flows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_COMPUTING = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm", "Attention"})
"""Operators that take nearly all of the time, and that a precision is about."""

_OF_SHAPES = frozenset({"Shape", "Size"})

_PER_TENSOR = 0.1
_WITHIN_MODULE = 0.5
"""What a cut costs for each tensor that crosses it, and at most for parting a module, where 1 is
what a region of average size costs."""


@dataclass(frozen=True)
class Region:
    """Nodes that follow each other, and the tensors that lead in and out."""

    name: str
    """Modules that it covers, e.g. `encoder1` or `encoder4 to bottleneck`."""
    nodes: tuple[str, ...]
    """Names of its nodes, in the graph's order."""
    inputs: tuple[str, ...]
    """Tensors that it reads and does not make, weights left out."""
    outputs: tuple[str, ...]
    """Tensors that it makes and that are read outside, or that the graph answers with."""


def split_into_regions(model: "onnx.ModelProto", most: int) -> tuple[Region, ...]:
    """Cut a normalised float32 graph into regions of about as many convolutions each.

    A cut lies between two convolutions (or products of matrices), where the fewest tensors cross,
    rather between modules than within one. The same graph gives the same regions.

    Args:
        model: the graph; its nodes stand in an order in which they can run.
        most: how many regions at most, 1 or more. There are fewer in a graph of fewer convolutions.

    Returns:
        At least one region; each node is in exactly one, and they follow the graph's order.
    """
    nodes = list(model.graph.node)
    starts = [0, *_choose(nodes, _crossing(model), most), len(nodes)]
    parts = [nodes[begin:end] for begin, end in pairwise(starts)]
    names = _names(parts)
    return tuple(
        Region(name, tuple(node.name for node in part), *borders(model, part))
        for name, part in zip(names, parts, strict=True)
    )


def borders(
    model: "onnx.ModelProto", part: "Sequence[onnx.NodeProto]"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tensors that lead into and out of some nodes of a graph, each in the graph's order.

    Args:
        model: the graph.
        part: nodes of it, in its order.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inside = {node.name for node in part}
    made = {name for node in part for name in node.output if name}
    inputs = dict.fromkeys(
        name for node in part for name in read_by(node) if name not in made and name not in weights
    )
    wanted = {value.name for value in model.graph.output}
    for node in model.graph.node:
        if node.name not in inside:
            wanted.update(read_by(node))
    return tuple(inputs), tuple(
        name for node in part for name in node.output if name and name in wanted
    )


def read_by(node: "onnx.NodeProto") -> Iterator[str]:
    """Names of the tensors that a node reads, those of inner graphs too."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            own = {name for one in inner.node for name in one.output}
            own |= {tensor.name for tensor in inner.initializer}
            own |= {value.name for value in inner.input}
            for one in inner.node:
                yield from (name for name in read_by(one) if name not in own)


def _crossing(model: "onnx.ModelProto") -> list[int]:
    """How many tensors are alive before each node, but for weights and what is made of shapes."""
    nodes = model.graph.node
    passing = {tensor.name for tensor in model.graph.initializer}
    born = {value.name: 0 for value in model.graph.input if value.name not in passing}
    last = {value.name: len(nodes) for value in model.graph.output}
    for place, node in enumerate(nodes):
        read = list(read_by(node))
        last |= {name: max(last.get(name, 0), place) for name in read}
        if node.op_type in _OF_SHAPES or passing.issuperset(read):
            passing.update(node.output)
        else:
            born |= {name: place + 1 for name in node.output if name}
    change = [0] * (len(nodes) + 2)
    for name, begin in born.items():
        if name in last:
            change[begin] += 1
            change[last[name] + 1] -= 1
    alive, counts = 0, []
    for place in range(len(nodes)):
        alive += change[place]
        counts.append(alive)
    return counts


def _choose(nodes: "Sequence[onnx.NodeProto]", crossing: Sequence[int], most: int) -> list[int]:
    """Places of the first nodes of all regions but the first one, ascending."""
    computing = [place for place, node in enumerate(nodes) if node.op_type in _COMPUTING]
    cuts = [
        # The last of the best: what follows a convolution and needs nothing else stays with it.
        min(range(one + 1, other + 1), key=lambda place: (crossing[place], -place))
        for one, other in pairwise(computing)
    ]
    costs = [
        _PER_TENSOR * crossing[cut] + _WITHIN_MODULE * _together(nodes[one].name, nodes[other].name)
        for cut, (one, other) in zip(cuts, pairwise(computing), strict=True)
    ]
    total = len(computing)
    size = total / most
    # best[k][n]: least cost of the first n convolutions in k regions, and where the last begins.
    best: list[Mapping[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for _ in range(min(most, total)):
        row: dict[int, tuple[float, int]] = {}
        for end in range(1, total + 1):
            options = [
                (cost + ((end - begin) / size) ** 2 + (costs[begin - 1] if begin else 0.0), begin)
                for begin, (cost, _) in best[-1].items()
                if begin < end
            ]
            if options:
                row[end] = min(options)
        best.append(row)
    whole = [(row[total][0], count) for count, row in enumerate(best) if total in row]
    if not total or not whole:
        return []
    _, count = min(whole)
    found, end = [], total
    for number in range(count, 1, -1):
        end = best[number][end][1]
        found.append(cuts[end - 1])
    return found[::-1]


def _together(one: str, other: str) -> float:
    """How much two nodes belong to one module, 0 to 1."""
    first, second = _path(one)[:-1], _path(other)[:-1]
    common = sum(1 for _ in _common(first, second))
    return common / max(len(first), len(second), 1)


def _common(first: Sequence[str], second: Sequence[str]) -> Iterator[str]:
    for one, other in zip(first, second, strict=False):
        if one != other:
            return
        yield one


def _path(name: str) -> list[str]:
    return name.split("/")


def _names(parts: "Sequence[Sequence[onnx.NodeProto]]") -> list[str]:
    """A name for each region, after the modules that its convolutions are in."""
    regions_of: dict[tuple[str, ...], set[int]] = {}
    reported = [[one for one in part if one.op_type in _COMPUTING] or list(part) for part in parts]
    for number, part in enumerate(reported):
        for node in part:
            path = _path(node.name)
            for length in range(1, len(path) + 1):
                regions_of.setdefault(tuple(path[:length]), set()).add(number)

    def shortest(name: str) -> str:
        """The outermost module that lies in one region."""
        path = _path(name)
        for length in range(1, len(path)):
            if len(regions_of[tuple(path[:length])]) == 1:
                return "/".join(path[:length])
        return name

    names = []
    for part in reported:
        first, last = shortest(part[0].name), shortest(part[-1].name)
        names.append(first if first == last else f"{first} to {last}")
    return names
