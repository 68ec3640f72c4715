"""One form for every graph that comes in, whoever made it.

Exporters differ in where they keep weights (initialisers, Constant nodes, inputs with a default),
in whether batch norms are folded, in how they name things and in what they leave lying about.
Converters were seen to give wrong graphs without a word on forms that they did not expect, so all
graphs pass through here first.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError, name_some
from segtrt.graphs.axes import name_axes
from segtrt.graphs.clean import INPUT, OUTPUT

if TYPE_CHECKING:
    import onnx

_SCOPES = "pkg.torch.onnx.name_scopes"
_NO_MODULE = "_empty_nn_module_stack_from_metadata_hook"
"""The exporter's scope of what belongs to no module, such as the sizes of the input."""
_RESULT = "/out"
_STANDARD = ("", "ai.onnx")

_ROLES = {
    "Conv": ("weight", "bias"),
    "ConvTranspose": ("weight", "bias"),
    "Gemm": ("weight", "bias"),
    "MatMul": ("weight",),
    "InstanceNormalization": ("weight", "bias"),
    "GroupNormalization": ("weight", "bias"),
    "LayerNormalization": ("weight", "bias"),
    "BatchNormalization": ("weight", "bias", "mean", "variance"),
    "PRelu": ("weight",),
}
"""What an operator's inputs after the first are called, where they are constant."""


def network_inputs(model: "onnx.ModelProto") -> "list[onnx.ValueInfoProto]":
    """The inputs that a caller gives: old files list weights among the inputs too."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in stored]


def normalise(
    model: "onnx.ModelProto",
    output: str | None = None,
    *,
    name: str = "network",
    within: str = "",
) -> "onnx.ModelProto":
    """The same function as a graph in the one form that the rest of the library knows.

    One input, `input`, and one output, `output`; weights are initialisers, batch norms are folded
    into convolutions and constant parts computed where that is possible; free axes are called
    `batch`, `depth`, `height` and `width`. Nodes are named after the module they come from
    (`encoder1/enc1conv1`), or as in the file, their results `encoder1/enc1conv1/out`, weights
    `encoder1.enc1conv1.weight`. Stack traces, documentation, metadata and the exporter's version
    go. The same graph gives the same bytes, whatever the exporter's numbering.

    Args:
        model: a graph of standard operators; it is changed.
        output: name of the output to keep; None: the graph has one only.
        name: what to call the graph.
        within: dotted path of the module whose parts give the names, where it is not the outermost.

    Raises:
        SegtrtError: it has several inputs or outputs, operators of its own, or is quantised; or
            onnxslim cannot be imported.
    """
    import onnx
    import onnx.inliner

    try:
        import onnxslim
    except ImportError as error:
        raise SegtrtError(
            f"graphs are brought into one form by onnxslim, which cannot be imported ({error}); "
            "install the package onnxslim"
        ) from None
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    _refuse(model, output)
    graph = model.graph
    (given,) = network_inputs(model)
    kept = next(value for value in graph.output if output in (None, value.name))
    _replace(graph.input, [given])
    _replace(graph.output, [kept])
    _name_nodes(graph, within)
    slimmed = onnxslim.slim(model)
    if not isinstance(slimmed, onnx.ModelProto) or not slimmed.graph.input:
        raise SegtrtError(
            f"the graph's output {kept.name} does not depend on its input {given.name}; export the "
            "network again"
        )
    name_axes(slimmed.graph)
    _rename(slimmed.graph, within)
    strip(slimmed)
    slimmed.producer_name = "segtrt"
    slimmed.producer_version = ""
    slimmed.graph.name = name
    for node in slimmed.graph.node:
        _replace(node.attribute, sorted(node.attribute, key=lambda attribute: attribute.name))
    return slimmed


def strip(message: Any) -> None:
    """Drop documentation and metadata of a message and of all messages within it."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                strip(part)


def _refuse(model: "onnx.ModelProto", output: str | None) -> None:
    graph = model.graph
    inputs = [value.name for value in network_inputs(model)]
    outputs = [value.name for value in graph.output]
    if len(inputs) != 1:
        raise SegtrtError(
            f"the graph has the inputs {name_some(inputs)}; expected one, the images: give a "
            "network of one input"
        )
    if output is None and len(outputs) != 1:
        raise SegtrtError(
            f"the graph has the outputs {name_some(outputs)}; name one of them in model.output"
        )
    if output is not None and output not in outputs:
        raise SegtrtError(f"the graph has no output {output}; choose from {name_some(outputs)}")
    foreign = sorted({f"{n.domain}.{n.op_type}" for n in graph.node if n.domain not in _STANDARD})
    if foreign:
        raise SegtrtError(
            f"the graph has operators that are not standard ones ({name_some(foreign)}); export it "
            "with ONNX's own operators alone"
        )
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in graph.node):
        raise SegtrtError("the graph is quantised already; give the float32 graph it was made from")


def _replace(field: Any, values: Iterable[Any]) -> None:
    """Replace what a repeated field of a message holds."""
    held = list(values)
    del field[:]
    field.extend(held)


def _name_nodes(graph: "onnx.GraphProto", within: str) -> None:
    """Name each node after its module, or keep the file's name, or take the operator's."""
    weights = {tensor.name for tensor in graph.initializer}
    used: Counter[str] = Counter()
    for node in graph.node:
        module = f"{_module(node, weights)}.".removeprefix(f"{within}.").strip("./")
        node.name = _unique(module.replace(".", "/") or node.op_type.lower(), used)
    # What replaces several nodes is called after one of their results.
    _apply(
        graph,
        {
            name: f"{node.name}{_RESULT}{number or ''}"
            for node in graph.node
            for number, name in enumerate(node.output)
            if name and name != graph.output[0].name
        },
    )


def _unique(name: str, used: "Counter[str]") -> str:
    used[name] += 1
    while used[name] > 1:
        numbered = f"{name}_{used[name]}"
        if not used[numbered]:
            used[numbered] += 1
            return numbered
        used[name] += 1
    return name


def _module(node: "onnx.NodeProto", weights: set[str]) -> str:
    """Dotted path of the module that a node comes from, or else its own name; may be empty."""
    scopes = [entry.value for entry in node.metadata_props if entry.key == _SCOPES]
    if not scopes:
        return str(node.name)
    for name in node.input:
        if name in weights and "." in name and node.op_type in _ROLES:
            return str(name).rpartition(".")[0]
    # Scopes from the network inwards; the last one is the operation itself.
    path: list[str] = ast.literal_eval(scopes[0])
    return "" if _NO_MODULE in path else "".join(path[-2:-1])


def _rename(graph: "onnx.GraphProto", within: str) -> None:
    """Canonical names for results and weights; weights in the order of their first use."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    used: Counter[str] = Counter()
    for node in graph.node:
        base = node.name.partition(_RESULT)[0]
        node.name = _unique(base or node.op_type.lower(), used)
    renamed = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    order: list[str] = []
    for node in graph.node:
        for name, role in _constants(node, weights):
            if name not in renamed:
                renamed[name] = _unique(
                    _weight_name(node, name.removeprefix(f"{within}."), role), used
                )
                order.append(name)
        for number, name in enumerate(node.output):
            if name:
                renamed.setdefault(name, f"{node.name}{_RESULT}{number or ''}")
    for tensor in (weights[name] for name in order):
        tensor.name = renamed[tensor.name]
    _replace(graph.initializer, [weights[name] for name in order])
    graph.input[0].name, graph.output[0].name = INPUT, OUTPUT
    _apply(graph, renamed)


def _apply(graph: "onnx.GraphProto", renamed: dict[str, str]) -> None:
    """Rename results in nodes, those of inner graphs too, which see the outer names."""
    for value in graph.value_info:
        value.name = renamed.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
        for inner in _inner(node):
            for value in inner.output:
                value.name = renamed.get(value.name, value.name)
            _apply(inner, renamed)


def _inner(node: "onnx.NodeProto") -> "Iterator[onnx.GraphProto]":
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _constants(
    node: "onnx.NodeProto", weights: "dict[str, onnx.TensorProto]"
) -> Iterator[tuple[str, str]]:
    """The initialisers that a node reads, inner graphs included, each with what it is to it."""
    for place, name in enumerate(node.input):
        if name in weights:
            roles = _ROLES.get(node.op_type, ())
            yield name, roles[place - 1] if 1 <= place <= len(roles) else f"constant{place}"
    for inner in _inner(node):
        yield from (
            (name, "constant") for part in inner.node for name, _ in _constants(part, weights)
        )


def _weight_name(node: "onnx.NodeProto", name: str, role: str) -> str:
    """A state dict's name stays; others are called after their node."""
    owner = node.name.replace("/", ".")
    module, _, last = name.rpartition(".")
    of_this_module = module in (owner, owner.rpartition("_")[0])
    return name if of_this_module and role == last else f"{owner}.{role}"
