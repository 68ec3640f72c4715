"""A network from a folder by MONAI's bundle specification.

Layout: https://docs.monai.io/en/stable/mb_specification.html. A bundle's configuration may hold
Python expressions, which run: it is code like a user's own file.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError
from segtrt.files import read_json
from segtrt.model.weights import fit_weights

if TYPE_CHECKING:
    from torch import nn

_CONFIGS = ("inference", "evaluate", "train")
_SUFFIXES = (".json", ".yaml", ".yml")
_NETWORK = ("network_def", "network")
_WEIGHTS = ("models/model.pt", "models/model.safetensors")


def load_bundle(folder: Path) -> "nn.Module":
    """The network of a bundle with the bundle's own weights, where it has any.

    Raises:
        SegtrtError: MONAI is not installed, the configuration has no network, or the weights do
            not fit.
    """
    import torch

    try:
        from monai.bundle.config_parser import ConfigParser
    except ImportError:
        raise SegtrtError(
            f"model.network {folder} is a MONAI bundle and MONAI is not installed; install monai"
        ) from None
    path = config_file(folder)
    parser = ConfigParser()
    try:
        parser.read_config(path)
        key = next((key for key in _NETWORK if key in parser), None)
        network = None if key is None else parser.get_parsed_content(key)
    # A configuration holds expressions: it fails in any way.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise SegtrtError(
            f"the network of {path} cannot be made ({type(error).__name__}: {reason}); correct the "
            "bundle, or install what it needs"
        ) from error
    if not isinstance(network, torch.nn.Module):
        raise SegtrtError(f"{path} has no network under {' or '.join(_NETWORK)}; name one there")
    weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if weights is not None:
        network.load_state_dict(fit_weights(weights, network.state_dict()))
    return network


def config_file(folder: Path) -> Path:
    """The configuration that describes inference.

    Raises:
        SegtrtError: there is none.
    """
    for name in _CONFIGS:
        for suffix in _SUFFIXES:
            if (path := folder / "configs" / f"{name}{suffix}").is_file():
                return path
    raise SegtrtError(
        f"bundle {folder} has none of {', '.join(_CONFIGS)} ({', '.join(_SUFFIXES)}) in configs/; "
        "expected a MONAI bundle"
    )


def bundle_contract(folder: Path) -> dict[str, Any]:
    """What a bundle's `network_data_format` says of the network.

    Returns:
        `channels`, `size` (None where a side is free) and `classes` (names by number), as far as
        they are there.
    """
    path = folder / "configs" / "metadata.json"
    if not path.is_file():
        return {}
    formats = read_json(path, "bundle's metadata", "correct it").get("network_data_format", {})
    image: dict[str, Any] = next(iter(formats.get("inputs", {}).values()), {})
    answer: dict[str, Any] = next(iter(formats.get("outputs", {}).values()), {})
    found: dict[str, Any] = {}
    if isinstance(image.get("num_channels"), int):
        found["channels"] = image["num_channels"]
    if sides := image.get("spatial_shape"):
        # Free ones are expressions such as `*` or `16*n`.
        found["size"] = [side if isinstance(side, int) else None for side in sides]
    if names := answer.get("channel_def"):
        found["classes"] = {int(number): str(name) for number, name in names.items()}
    return found
