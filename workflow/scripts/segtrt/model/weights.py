"""The network's weights: read, checked against the network, and written in one canonical form."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError
from segtrt.files import write_bytes
from segtrt.model.unet import build_unet

if TYPE_CHECKING:
    from torch import Tensor, nn

SUFFIXES = (".safetensors", ".pt", ".pth")
_FIRST_CONVOLUTION = "encoder1.enc1conv1.weight"
_NAMED_AT_MOST = 3


def load_state_dict(path: Path) -> "dict[str, Tensor]":
    """Read a state dict from a `.safetensors` file or a PyTorch file (`.pt`, `.pth`).

    A PyTorch file may hold tensors only: one that would run code when loaded is refused, unrun.

    Returns:
        The entries on the CPU; floating-point ones, in whatever precision they are stored, as
        float32.

    Raises:
        SegtrtError: missing, of another suffix, damaged, or not a dictionary of tensors.
    """
    import torch

    check_suffix(path.name, str(path))
    if not path.is_file():
        raise SegtrtError(f"weights {path} are not a file; check model.weights")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        raise SegtrtError(
            f"weights {path} do not hold a plain dictionary of tensors; save the network's "
            "state_dict() alone"
        )
    return {
        name: value.detach().float() if value.is_floating_point() else value.detach()
        for name, value in content.items()
    }


def check_suffix(name: str, where: str) -> None:
    """Check that a file's name ends as weights' do.

    Args:
        name: the file's name.
        where: its path or address, for the message.

    Raises:
        SegtrtError: it ends in none of `SUFFIXES`.
    """
    if not name.endswith(SUFFIXES):
        raise SegtrtError(
            f"weights {where} should end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}; give a "
            "safetensors file or a PyTorch state dict"
        )


def _read_safetensors(path: Path) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise SegtrtError(
            f"weights {path} cannot be read ({error}); the file is damaged or is no safetensors "
            "file: get it again"
        ) from None


def _read_pickle(path: Path) -> Any:
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    # Bytes that are no pickle fail in any way: KeyError, EOFError, RuntimeError, ...
    except Exception as error:
        if "GLOBAL" in str(error):
            raise SegtrtError(
                f"weights {path} hold Python objects that run code when loaded, so they are not "
                "loaded; save the network's state_dict() alone, best as safetensors"
            ) from None
        raise SegtrtError(
            f"weights {path} cannot be read; the file is damaged or is no PyTorch file of tensors "
            "alone: get it again"
        ) from None


def check_state_dict(
    state: "Mapping[str, Tensor]", init_features: int, what: str = "the weights"
) -> "dict[str, Tensor]":
    """Check that `state` fits the network of `init_features` and holds finite numbers only.

    Args:
        state: as from `load_state_dict`.
        init_features: channels of the network's first block.
        what: what is checked, for the message.

    Returns:
        The entries in the network's own order.

    Raises:
        SegtrtError: one line that names what is missing, not known to the network or of another
            shape or type, or not finite; for the weights of another `init_features`, which one.
    """
    import torch

    first = state.get(_FIRST_CONVOLUTION)
    if first is not None and first.ndim == 4 and len(first) != init_features:
        raise SegtrtError(
            f"{what} are of a network with {len(first)} channels in its first block, the "
            f"configuration says {init_features}; set model.init_features to {len(first)}"
        )
    with torch.device("meta"):
        expected = build_unet(init_features).state_dict()
    wrong = [
        f"{name} is {_kind(state[name])} instead of {_kind(value)}"
        for name, value in expected.items()
        if name in state and _kind(state[name]) != _kind(value)
    ]
    faults = [
        _listed("missing", [name for name in expected if name not in state]),
        _listed("not known to the network", [name for name in state if name not in expected]),
        _listed("of another shape or type", wrong),
    ]
    if any(faults):
        raise SegtrtError(
            f"{what} do not fit the network with model.init_features {init_features}: "
            f"{'; '.join(fault for fault in faults if fault)}; give weights of this network"
        )
    _refuse_non_finite(state, what)
    return {name: state[name] for name in expected}


def _kind(value: "Tensor") -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _listed(label: str, names: Sequence[str]) -> str:
    """`2 missing (a, b)`, with the first few names; empty without names."""
    if not names:
        return ""
    more = ", ..." if len(names) > _NAMED_AT_MOST else ""
    return f"{len(names)} {label} ({', '.join(names[:_NAMED_AT_MOST])}{more})"


def _refuse_non_finite(state: "Mapping[str, Tensor]", what: str) -> None:
    import torch

    bad = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if bad:
        raise SegtrtError(
            f"{what} hold numbers that are infinite or not numbers: "
            f"{_listed('entries', bad)}; get or train them again"
        )


def save_weights(state: "Mapping[str, Tensor]", path: Path, half: bool) -> None:
    """Write weights as safetensors; the same entries give the same bytes.

    Args:
        state: entries in any order and memory layout, on any device.
        path: the file to make.
        half: store floating-point entries as float16 rather than float32, half the size;
            `load_state_dict` gives float32 again.

    Raises:
        SegtrtError: an entry is not finite, or becomes infinite as float16.
    """
    import torch
    from safetensors.torch import save

    dtype = torch.float16 if half else torch.float32
    stored = {
        name: value.detach()
        .to("cpu", dtype if value.is_floating_point() else value.dtype)
        .contiguous()
        for name, value in state.items()
    }
    _refuse_non_finite(stored, f"the weights for {path}" + (" as float16" if half else ""))
    write_bytes(path, save(stored))


def load_network(path: Path, init_features: int) -> "nn.Module":
    """The network with the weights at `path`, on the CPU and in evaluation mode.

    Raises:
        SegtrtError: the weights cannot be read or do not fit (`load_state_dict`,
            `check_state_dict`).
    """
    state = check_state_dict(load_state_dict(path), init_features, f"weights {path}")
    network = build_unet(init_features)
    network.load_state_dict(state)
    return network.eval()
