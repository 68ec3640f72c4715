"""Files of weights as people have them, known by their content; what holds none is named."""

import logging
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError, name_some

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".ckpt", ".bin", ".pth.tar", ".safetensors", ".pt", ".pth")
_CHECKPOINT_KEYS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "network_weights",
    "module",
    "weights",
    "params",
)
"""Under these names training checkpoints keep the network's state dict."""
_NESTED_AT_MOST = 2
_NAMED_AT_MOST = 3
_HEAD_BYTES = 512
_MAX_HEADER_BYTES = 100_000_000
"""Longest header that the safetensors library reads."""

_WEB_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")
_UNPACK = "unpack it and give the file of weights in it"
_OTHER_FILES = {
    b"version https://git-lfs.github.com/": (
        "it is a pointer of Git LFS, not the file itself; run `git lfs pull`"
    ),
    b"\x1f\x8b": f"it is a gzip archive; {_UNPACK}",
    b"7z\xbc\xaf\x27\x1c": f"it is a 7-Zip archive; {_UNPACK}",
    b"\xfd7zXZ\x00": f"it is an xz archive; {_UNPACK}",
    b"BZh": f"it is a bzip2 archive; {_UNPACK}",
    b"Rar!": f"it is a RAR archive; {_UNPACK}",
    b"\x89HDF": "it is an HDF5 file, as Keras writes; give weights of a PyTorch network",
}
"""First bytes of files that hold no weights -> what they are and what to do."""

logger = logging.getLogger(__name__)


def load_state_dict(path: Path, what: str | None = None) -> "dict[str, Tensor]":
    """Read a state dict from a safetensors file or a PyTorch file, whatever its name ends in.

    A PyTorch file may hold tensors only: one that would run code when loaded is refused, unrun. The
    state dict may stand alone or in a training checkpoint, under one of the usual names
    (`state_dict`, `model`, `net`, ...).

    Args:
        path: the file.
        what: what it is called in messages, e.g. the address it came from; None for its path.

    Returns:
        The entries on the CPU; floating-point ones, in whatever precision they are stored, as
        float32. That they were converted is logged.

    Raises:
        SegtrtError: missing, of another suffix, something else than weights (the message says
            what), damaged, not a dictionary of tensors, or with a tensor that holds no dense data
            or numbers beyond float32.
    """
    what = what or f"weights {path}"
    check_suffix(path.name, what.removeprefix("weights "))
    if not path.is_file():
        raise SegtrtError(f"{what} are not a file; check model.weights")
    other = _other_kind(path)
    if other:
        raise SegtrtError(f"{what} cannot be read: {other}")
    content = _read_safetensors(path, what) if _is_safetensors(path) else _read_pickle(path, what)
    state = _state_dict_in(content, what)
    _refuse_without_data(state, what)
    return _as_float32(state, what)


def check_suffix(name: str, where: str) -> None:
    """Check that a file's name ends as weights' do, in upper or lower case.

    Args:
        name: the file's name.
        where: its path or address, for the message.

    Raises:
        SegtrtError: it ends in none of `SUFFIXES`.
    """
    if not name.lower().endswith(SUFFIXES):
        raise SegtrtError(
            f"weights {where} should end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}; give a "
            "safetensors file or a PyTorch state dict"
        )


def _other_kind(path: Path) -> str:
    """What a file is that holds no weights, and what to do; empty if it may hold some."""
    with path.open("rb") as handle:
        head = handle.read(_HEAD_BYTES)
    if not head:
        return "the file is empty; get it again"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB_PAGES):
        return (
            "it is a web page, perhaps one that asks for a login; give the address of the file "
            "itself, or download it with a browser"
        )
    if head[257:262] == b"ustar":
        return f"it is a tar archive; {_UNPACK}"
    for begin, description in _OTHER_FILES.items():
        if head.startswith(begin):
            return description
    return _other_zip(path) if head.startswith(b"PK") else ""


def _other_zip(path: Path) -> str:
    """As `_other_kind`, of a zip archive: PyTorch's own files are such."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return ""
    last = {name.rsplit("/", 1)[-1] for name in names}
    if "constants.pkl" in last or any("/code/" in f"/{name}" for name in names):
        return (
            "it is a TorchScript archive, a whole network rather than weights; load it with "
            "torch.jit.load and save its state_dict() alone"
        )
    if "archive_format" in last or "serialized_exported_program.json" in last:
        return (
            "it is an exported program, a whole network rather than weights; load it with "
            "torch.export.load and save its state_dict alone"
        )
    if "data.pkl" in last:
        return ""
    return f"it is a zip archive ({name_some(names, 2)}); {_UNPACK}"


def _is_safetensors(path: Path) -> bool:
    """By its content; a damaged file of that name counts too, so that the message says so."""
    with path.open("rb") as handle:
        head = handle.read(9)
    # A pickle's first bytes, read as a length, are far longer than any header.
    header = 2 <= int.from_bytes(head[:8], "little") <= _MAX_HEADER_BYTES and head[8:] == b"{"
    is_pytorch = head.startswith((b"PK", b"\x80"))
    return header or (path.suffix.lower() == ".safetensors" and not is_pytorch)


def _read_safetensors(path: Path, what: str) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        reason = str(error).replace(str(path), "the file")
        raise SegtrtError(
            f"{what} cannot be read ({reason}); the file is damaged or is no safetensors file: "
            "get it again"
        ) from None


def _read_pickle(path: Path, what: str) -> Any:
    import warnings

    import torch

    try:
        # Opened here: from a path, PyTorch goes by the suffix.
        with warnings.catch_warnings(), path.open("rb") as handle:
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(handle, map_location="cpu", weights_only=True)
    # Bytes that are no pickle fail in any way: KeyError, EOFError, RuntimeError, ...
    except Exception as error:
        if "GLOBAL" in str(error):
            raise SegtrtError(
                f"{what} hold Python objects that run code when loaded, so they are not loaded; "
                "save the network's state_dict() alone, best as safetensors"
            ) from None
        raise SegtrtError(
            f"{what} cannot be read; the file is damaged or is no PyTorch file of tensors alone: "
            "get it again"
        ) from None


def _state_dict_in(content: Any, what: str, depth: int = 0) -> "dict[str, Tensor]":
    """The state dict that a file holds, by itself or in a training checkpoint.

    Raises:
        SegtrtError: none, or several to choose from.
    """
    import torch

    alone = "save the network's state_dict() alone"
    if not isinstance(content, Mapping):
        kind = "one tensor" if isinstance(content, torch.Tensor) else f"a {type(content).__name__}"
        raise SegtrtError(f"{what} hold {kind} instead of named tensors; {alone}")
    if not content:
        raise SegtrtError(f"{what} hold an empty dictionary; {alone}")
    others = [name for name, value in content.items() if not isinstance(value, torch.Tensor)]
    unnamed = [name for name in content if not isinstance(name, str)]
    if not others and not unnamed:
        return dict(content)
    inside = [key for key in _CHECKPOINT_KEYS if isinstance(content.get(key), Mapping)]
    if len(inside) == 1 and depth < _NESTED_AT_MOST:
        logger.info("%s: taken from the checkpoint's entry %r", what, inside[0])
        return _state_dict_in(content[inside[0]], what, depth + 1)
    if inside:
        raise SegtrtError(
            f"{what} hold several state dicts ({', '.join(inside)}); {alone} to say which"
        )
    raise SegtrtError(
        f"{what} do not hold a plain dictionary of named tensors: "
        f"{name_some([repr(name) for name in (others or unnamed)], _NAMED_AT_MOST)}; {alone}"
    )


def _refuse_without_data(state: "Mapping[str, Tensor]", what: str) -> None:
    """Refuse tensors that are not plain numbers in memory, and complex ones."""
    import torch

    kinds = {}
    for name, value in state.items():
        if value.device.type == "meta":
            kinds[name] = "of the meta device, without values"
        elif value.is_quantized:
            kinds[name] = "quantised"
        elif value.is_nested or value.layout is not torch.strided:
            layout = "nested" if value.is_nested else str(value.layout).removeprefix("torch.")
            kinds[name] = f"stored as {layout}"
        elif value.is_complex():
            kinds[name] = "complex"
    if kinds:
        first = [f"{name} is {kind}" for name, kind in kinds.items()]
        raise SegtrtError(
            f"{what} hold tensors without plain real numbers ({name_some(first, _NAMED_AT_MOST)}); "
            "save the float network's state_dict()"
        )


def _as_float32(state: "Mapping[str, Tensor]", what: str) -> "dict[str, Tensor]":
    """Floating-point entries as float32; says so, and refuses what float32 cannot hold."""
    import torch

    result: dict[str, Tensor] = {}
    converted: Counter[str] = Counter()
    for name, value in state.items():
        entry = value.detach()
        result[name] = entry.float() if entry.is_floating_point() else entry
        if not entry.is_floating_point() or entry.dtype is torch.float32:
            continue
        converted[str(entry.dtype).removeprefix("torch.")] += 1
        finite = torch.isfinite(result[name])
        if not finite.all() and torch.isfinite(entry.double()[~finite]).any():
            raise SegtrtError(
                f"{what}: {name} has the value {entry.double().abs().max():.3g}, beyond float32's "
                "range; get or train the weights again"
            )
    for dtype, count in converted.items():
        logger.info("%s: %d entries converted from %s to float32", what, count, dtype)
    return result
