"""Faults in the settings of the network that a schema cannot tell."""

from collections.abc import Iterator

from segtrt.config.settings import UNET, Model


def faults_of_network(model: Model) -> Iterator[str]:
    """Faults between the keys of `model`, a line each."""
    if model.network == UNET:
        unknown = sorted(set(model.arguments) - {"init_features"})
        features = model.called_with["init_features"]
        if unknown:
            yield f"model.arguments has {', '.join(unknown)}, allowed for unet: init_features"
        if not isinstance(features, int) or isinstance(features, bool) or not 1 <= features <= 256:
            yield (
                f"model.arguments.init_features is {features!r}, allowed: a whole number from 1 to "
                "256"
            )
    if model.given_weights is None and model.sha256 is not None:
        yield "model.sha256 is given, but no model.weights that it could be of; remove it"
