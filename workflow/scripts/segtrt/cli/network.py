"""`segtrt inspect NETWORK`: what a network takes and answers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segtrt.cli.text import facts, plain
from segtrt.errors import SegtrtError
from segtrt.model.contract import find_contract
from segtrt.model.source import NetworkSource, Overrides, describe
from segtrt.model.spec import Activation, NetworkSpec

_OPSET = 20
_SUFFIXES = (".onnx", ".ts", ".pt", ".pt2")

_MEANINGS = {
    Activation.SIGMOID: "a probability of each class by itself (sigmoid)",
    Activation.SOFTMAX: "probabilities of classes that exclude each other (softmax)",
    Activation.NONE: "scores that are no probabilities yet (logits)",
}


def names_network(text: str) -> bool:
    """Whether what the user wrote is a network's source rather than an engine."""
    path = Path(text)
    place, colon, factory = text.rpartition(":")
    return (
        text == "unet"
        or path.suffix.lower() in _SUFFIXES
        or (path / "configs").is_dir()
        or bool(colon and place and factory.isidentifier())
    )


def inspect_network(network: str, arguments: Sequence[str], *, as_json: bool) -> int:
    """Print a network's contract, found by exporting and running it.

    As JSON: `results/model/network.json` with `notes`, a line on each choice that was made.

    Args:
        network: as `model.network` takes it.
        arguments: what a factory is called with, `name=value` with the value in YAML.
        as_json: print JSON instead of text.

    Returns:
        0.

    Raises:
        SegtrtError: there is no such network, or it cannot be exported or run.
    """
    source = _source(network, dict(map(parse_argument, arguments)))
    spec, notes = find_contract(source, Overrides(), _OPSET)
    if as_json:
        print(json.dumps({**spec.to_json(), "notes": list(notes)}, indent=2, ensure_ascii=False))
    else:
        print("\n".join([plain(network), *facts(_facts(spec, notes))]))
    return 0


def _source(network: str, arguments: dict[str, Any]) -> NetworkSource:
    if network == "unet":
        arguments = {"init_features": 32, **arguments}
    return describe(network, arguments, Path())


def parse_argument(text: str) -> tuple[str, Any]:
    """The name and value of `name=value`, the value in YAML.

    Raises:
        SegtrtError: it is something else.
    """
    import yaml

    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise SegtrtError(f"--argument {text} is not NAME=VALUE; write, e.g., classes=4")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        raise SegtrtError(f"--argument {text} has a value that is not YAML; quote it") from None


def _facts(spec: NetworkSpec, notes: Sequence[str]) -> list[tuple[str, object]]:
    sides = [
        str(side) if side is not None else "any" if step == 1 else f"a multiple of {step}"
        for side, step in zip(spec.size, spec.multiple, strict=True)
    ]
    size = sides[0] if len(set(sides)) == 1 and spec.size[0] is None else " x ".join(sides)
    parts = [f"1/{step}" if step > 1 else "whole" for step in spec.stride]
    return [
        ("images", f"{spec.dimensions}-D, {spec.channels} channels"),
        ("sides", size),
        ("batch", spec.batch or "any"),
        ("answers", f"{spec.classes} channels, {_MEANINGS[spec.activation]}"),
        ("their sides", parts[0] if len(set(parts)) == 1 else " x ".join(parts)),
        *(("note", note) for note in notes),
    ]
