"""The PyTorch network that a source names, with its weights."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError
from segtrt.model.bundle import load_bundle
from segtrt.model.source import Kind, NetworkSource
from segtrt.model.unet import build_unet
from segtrt.model.weights import fit_weights
from segtrt.user_function import load_file

if TYPE_CHECKING:
    from torch import export, nn


def load(source: NetworkSource, weights: Path | None = None, base: Path = Path()) -> "nn.Module":
    """The network, on the CPU, in float32 and in evaluation mode.

    A factory is called with the same state of PyTorch's random numbers every time, so that a
    network without weights is the same in every job.

    Args:
        source: any but an ONNX file.
        weights: a file of weights; None for those that the source itself holds or draws.
        base: folder that is searched for an importable module before what is installed.

    Raises:
        SegtrtError: the user's code fails or returns no module, the file is not what its name
            says, or the weights do not fit.
    """
    import torch

    if source.holds_weights and weights is not None:
        raise SegtrtError(
            f"model.weights is given, but {source.network} holds its own; remove model.weights"
        )
    if source.kind is Kind.EXPORTED:
        return load_program(source).module()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(source, base)
    if weights is not None:
        network.load_state_dict(fit_weights(weights, network.state_dict()))
    return network.float().eval()


def load_program(source: NetworkSource) -> "export.ExportedProgram":
    """The exported program of a `.pt2` file.

    Raises:
        SegtrtError: it is not one.
    """
    import torch

    try:
        return torch.export.load(str(source.path))
    # A file that is none fails in any way.
    except Exception as error:
        raise SegtrtError(
            f"model.network {source.network} is not a program saved by torch.export.save "
            f"({_line(error)}); save it again with this version of PyTorch, {torch.__version__}"
        ) from None


def build(source: NetworkSource, base: Path = Path()) -> "nn.Module":
    """The network as it comes, with weights drawn from PyTorch's random numbers or its own.

    Raises:
        SegtrtError: the user's code fails or returns no module, or the file is not what its name
            says.
    """
    import torch

    if source.kind is Kind.UNET:
        unet: nn.Module = _called(build_unet, source)
        return unet
    if source.kind is Kind.TORCHSCRIPT:
        return _torchscript(source)
    if source.kind is Kind.BUNDLE:
        assert source.path is not None
        return load_bundle(source.path)
    if source.kind is Kind.ONNX:
        raise SegtrtError(f"{source.network} is an ONNX file; there is no PyTorch network of it")
    with _importing(source.path.parent if source.path else base):
        module = _imported(source)
        factory = getattr(module, source.factory, None)
        if not callable(factory):
            raise SegtrtError(
                f"model.network {source.network}: there is no callable {source.factory} in it; "
                "correct the name after the colon"
            )
        network = _called(factory, source)
    if not isinstance(network, torch.nn.Module):
        raise SegtrtError(
            f"model.network {source.network} returned {type(network).__name__}; expected a "
            "torch.nn.Module"
        )
    return network


def _imported(source: NetworkSource) -> Any:
    try:
        if source.path is None:
            return importlib.import_module(source.module)
        return load_file(source.path.absolute())
    except Exception as error:
        raise SegtrtError(
            f"model.network {source.network} cannot be imported ({_line(error)}); correct it, or "
            "install what it needs"
        ) from error


def _called(factory: Any, source: NetworkSource) -> Any:
    try:
        return factory(**source.arguments)
    except Exception as error:
        arguments = ", ".join(f"{name}={value!r}" for name, value in source.arguments.items())
        raise SegtrtError(
            f"model.network {source.network} fails when called with ({arguments}) "
            f"({_line(error)}); check model.arguments"
        ) from error


def _torchscript(source: NetworkSource) -> "nn.Module":
    import torch

    try:
        network: nn.Module = torch.jit.load(  # type: ignore[no-untyped-call]
            str(source.path), map_location="cpu"
        )
    except Exception as error:
        raise SegtrtError(
            f"model.network {source.network} is not TorchScript ({_line(error)}); a state dict "
            "belongs in model.weights, with the code of its network in model.network"
        ) from None
    return network


@contextmanager
def _importing(folder: Path) -> Iterator[None]:
    """Look for modules in `folder` first, as Python does in that of a script."""
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
