"""Settings of the network: what they imply, and their faults."""

from collections.abc import Iterator, Mapping
from typing import Any

from segtrt.config.settings import Model

UNET = "unet"
DEMO_WEIGHTS = "data/demo/weights.safetensors"
_DEMO_FEATURES = 16


def complete_network(model: dict[str, Any]) -> None:
    """Fill in what the U-Net has unless the settings say otherwise: the demo's width and weights.

    Args:
        model: the group of that name as JSON values, complete; it is changed.
    """
    if model["network"] != UNET:
        return
    model["arguments"] = {"init_features": _DEMO_FEATURES, **model["arguments"]}
    if model["weights"] is None:
        model["weights"] = DEMO_WEIGHTS


def complete_components(validation: dict[str, Any], model: Mapping[str, Any]) -> None:
    """Choose whether largest components alone are kept, unless the settings say so.

    Args:
        validation: the group of that name as JSON values, complete; it is changed.
        model: likewise.
    """
    if validation["largest_component"] is None:
        validation["largest_component"] = model["network"] == UNET


def faults_of_network(model: Model) -> Iterator[str]:
    """Faults between the keys of `model`, a line each."""
    if model.network == UNET:
        unknown = sorted(set(model.arguments) - {"init_features"})
        features = model.arguments["init_features"]
        if unknown:
            yield f"model.arguments has {', '.join(unknown)}, allowed for unet: init_features"
        if not isinstance(features, int) or isinstance(features, bool) or not 1 <= features <= 256:
            yield (
                f"model.arguments.init_features is {features!r}, allowed: a whole number from 1 to "
                "256"
            )
    if model.weights is None and model.sha256 is not None:
        yield "model.sha256 is given, but no model.weights that it could be of; remove it"
