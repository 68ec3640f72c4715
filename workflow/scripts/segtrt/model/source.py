"""Where a network comes from, as `model.network` says, and what decides it.

Planning asks `describe`, which reads files but imports neither PyTorch nor the user's code; jobs
ask `segtrt.model.load.load`.
"""

import mmap
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.model.user_code import code_of_file, code_of_module


class Kind(StrEnum):
    """What `model.network` names."""

    UNET = "unet"
    """The network of `segtrt.model.unet`."""
    FILE = "file"
    """A callable in a Python file: `path/to/file.py:factory`."""
    MODULE = "module"
    """A callable in an importable module: `package.module:factory`."""
    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"
    EXPORTED = "exported"
    """A program of `torch.export`."""
    BUNDLE = "bundle"
    """A folder by MONAI's bundle specification."""


_SUFFIXES = {
    ".onnx": Kind.ONNX,
    ".ts": Kind.TORCHSCRIPT,
    ".pt": Kind.TORCHSCRIPT,
    ".pt2": Kind.EXPORTED,
}

_FORMS = (
    "unet, package.module:factory, path/to/file.py:factory, a file ending in .onnx, .ts, .pt "
    "(TorchScript) or .pt2, or the folder of a MONAI bundle"
)

_DATA = re.compile(rb"\x0a\x08location\x12(?:([\x01-\x7f])|([\x80-\xff][\x01-\x7f]))")
"""How an ONNX file's wire format says that weights lie in another file: a pair of strings,
`location` and the file's path, the latter with its length in front."""


@dataclass(frozen=True)
class Overrides:
    """What the settings say of a network that would be found out otherwise."""

    activation: str | None = None
    output: str | None = None
    channels: int | None = None
    size: tuple[int, ...] | None = None


@dataclass(frozen=True)
class NetworkSource:
    """Where a network comes from."""

    kind: Kind
    network: str
    """As `model.network` says."""
    path: Path | None = None
    """The file or folder, where there is one."""
    factory: str = ""
    """Name of the callable within its file or module."""
    module: str = ""
    """Dotted name of the importable module."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the factory is called with."""
    decides: Mapping[str, Any] = field(default_factory=dict)
    """What decides the network but for weights given apart; JSON values, no paths or times."""

    @property
    def needs_torch(self) -> bool:
        """Whether there is a PyTorch network at all: an ONNX file is run as it is."""
        return self.kind is not Kind.ONNX

    def has_known_contract(self, overrides: Overrides) -> bool:
        """Whether its contract need not be found: it is the U-Net, as it is."""
        return self.kind is Kind.UNET and overrides == Overrides()

    @property
    def holds_weights(self) -> bool:
        """Whether the file holds the weights too, and none can be given apart."""
        return self.kind in (Kind.ONNX, Kind.TORCHSCRIPT, Kind.EXPORTED)


def describe(
    network: str,
    arguments: Mapping[str, Any],
    base: Path,
    sha256: Callable[[Path], str] = sha256_file,
) -> NetworkSource:
    """Find out what `model.network` names and what decides it.

    Args:
        network: one of the forms listed in the documentation of `model.network`.
        arguments: `model.arguments`.
        base: folder that relative paths and modules beside the configuration start from.
        sha256: hash of a file's content, for a cache of hashes.

    Raises:
        SegtrtError: it has none of the forms, does not exist, or takes no arguments.
    """
    if network == "unet":
        settings = dict(arguments)
        return NetworkSource(
            Kind.UNET,
            network,
            arguments=settings,
            decides={"network": "unet", "arguments": settings},
        )
    place, colon, factory = network.rpartition(":")
    if colon and factory.isidentifier() and place:
        return _factory(network, place, factory, arguments, base)
    path = base / network
    kind = Kind.BUNDLE if path.is_dir() else _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise SegtrtError(f"model.network is {network}; expected {_FORMS}")
    if not path.exists():
        raise SegtrtError(f"model.network {network} does not exist in {base}; correct the path")
    if arguments:
        raise SegtrtError(
            f"model.arguments {', '.join(arguments)} are given, but {network} is a finished "
            "network that takes none; remove them"
        )
    if kind is Kind.BUNDLE:
        return NetworkSource(kind, network, path, decides=_bundle(path, sha256))
    content = {"network": str(kind), "sha256": sha256(path)}
    if kind is Kind.ONNX and (data := _external_data(path)):
        return NetworkSource(
            kind,
            network,
            path,
            decides={**content, "data": {name: sha256(path.parent / name) for name in data}},
        )
    return NetworkSource(kind, network, path, decides=content)


def _factory(
    network: str, place: str, factory: str, arguments: Mapping[str, Any], base: Path
) -> NetworkSource:
    decides = {"network": factory, "arguments": dict(arguments)}
    if place.endswith(".py"):
        path = base / place
        if not path.is_file():
            raise SegtrtError(f"model.network {place} does not exist in {base}; correct the path")
        return NetworkSource(
            *(Kind.FILE, network, path, factory),
            arguments=dict(arguments),
            decides={**decides, "code": code_of_file(path)},
        )
    if not all(part.isidentifier() for part in place.split(".")):
        raise SegtrtError(f"model.network is {network}; expected {_FORMS}")
    return NetworkSource(
        *(Kind.MODULE, network, None, factory, place),
        arguments=dict(arguments),
        decides={**decides, "module": place, "code": code_of_module(place, base)},
    )


def _bundle(folder: Path, sha256: Callable[[Path], str]) -> dict[str, Any]:
    """Content of a bundle's configurations, weights and scripts, and MONAI's version."""
    if not (folder / "configs").is_dir():
        raise SegtrtError(
            f"model.network {folder} is a folder without configs/; expected the folder of a MONAI "
            "bundle"
        )
    files = sorted(
        path
        for pattern in ("configs/*", "models/*.pt", "models/*.ts", "scripts/**/*.py")
        for path in folder.glob(pattern)
        if path.is_file()
    )
    return {
        "network": "bundle",
        "files": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
        "code": code_of_module("monai", folder),
    }


def _external_data(path: Path) -> list[str]:
    """Names of the files beside an ONNX file that hold weights of it, where it has any."""
    if path.stat().st_size == 0:
        return []
    names = set()
    with path.open("rb") as handle:
        content = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        with content:
            for match in _DATA.finditer(content):
                length = match[1][0] if match[1] else (match[2][0] & 0x7F) | match[2][1] << 7
                name = content[match.end() : match.end() + length].decode("utf-8", "replace")
                if (path.parent / name).is_file():
                    names.add(name)
    return sorted(names)
