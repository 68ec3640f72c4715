"""A state dict as found in a file, fitted to the network that it is meant for.

Training scripts save the same weights in many wrappings: within a checkpoint, with a prefix that
distributed or compiled training put before every name, in half precision. What is certain to mean
the same network is taken and said; anything else is refused by name.
"""

import difflib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    from torch import Tensor

CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "network", "network_weights")
"""Keys under which training checkpoints keep a network's state dict, the likeliest first."""

_COMPILED = "_orig_mod."
"""What `torch.compile` puts before the names of the module that it wraps, at any depth."""
_COUNTER = "num_batches_tracked"
"""Batch norm's count of batches: it takes no part in inference."""
_NAMED_AT_MOST = 3
_COMPARED_AT_MOST = 200

logger = logging.getLogger(__name__)


def find_state(content: object) -> "Mapping[str, Tensor] | None":
    """The state dict in what a weights file holds.

    Args:
        content: a state dict, or a checkpoint that keeps one under a key of `CONTAINERS`.

    Returns:
        Name -> tensor; entries of other types, such as an epoch beside the tensors, are left out.
        None if there is no tensor with a name.
    """
    import torch

    if not isinstance(content, Mapping):
        return None
    for key in CONTAINERS:
        if isinstance(inner := content.get(key), Mapping) and (found := find_state(inner)):
            return found
    found = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }
    return found or None


def fit_state_dict(
    found: "Mapping[str, Tensor]", wanted: "Mapping[str, Tensor]", what: str = "the weights"
) -> "dict[str, Tensor]":
    """Bring a state dict into the form that a network's `load_state_dict` takes strictly.

    A prefix that all of the network's entries have in common (`module.`, `model.`, `_orig_mod.`)
    is taken off, and what lies outside it is left out. Floating-point entries are converted to the
    network's own type. Batch norm's counters may be missing, of another number type or of shape
    (1,). What was changed is logged.

    Args:
        found: name -> tensor, e.g. from `find_state`.
        wanted: the network's own state dict; only names, shapes and types count, so a network on
            the device `meta` will do.
        what: what is fitted, for messages, e.g. `weights unet.pt`.

    Returns:
        Exactly the network's entries in its own order, on the CPU, in its types.

    Raises:
        SegtrtError: one line that names what is missing, unexpected, or of another shape or type;
            of missing and unexpected entries those with the closest names first.
    """
    entries, notes = _without_prefix(found, wanted)
    entries |= _missing_counters(entries, wanted)
    unexpected = [name for name in entries if name not in wanted]
    missing = [name for name in wanted if name not in entries]
    fitted, wrong = {}, []
    converted: Counter[str] = Counter()
    for name, like in wanted.items():
        if name in missing:
            continue
        value = _as(entries[name], like, name)
        if value is None:
            wrong.append(f"{name} is {_kind(entries[name])} instead of {_kind(like)}")
            continue
        if value.is_floating_point() and entries[name].dtype != value.dtype:
            converted[f"{_dtype(entries[name])} to {_dtype(value)}"] += 1
        fitted[name] = value
    missing, unexpected = _closest_first(missing, unexpected)
    faults = [
        _listed("missing", missing),
        _listed("unexpected", unexpected),
        _listed("of another shape or type", wrong),
    ]
    if any(faults):
        raise SegtrtError(
            f"{what} do not fit the network: {'; '.join(fault for fault in faults if fault)}; give "
            "the weights of this network, or correct model.network and model.arguments"
        )
    notes += [f"{count} entries converted from {types}" for types, count in converted.items()]
    for note in notes:
        logger.info("%s: %s", what, note)
    return fitted


def _without_prefix(
    found: "Mapping[str, Tensor]", wanted: "Mapping[str, Tensor]"
) -> "tuple[dict[str, Tensor], list[str]]":
    """The entries under the prefix that most of the wanted names have, without it."""
    notes = []
    if any(_COMPILED in name for name in found) and not any(_COMPILED in name for name in wanted):
        found = {name.replace(_COMPILED, ""): value for name, value in found.items()}
        notes.append(f"{_COMPILED} taken off the names")
    counts = Counter(
        name.removesuffix(end) for name in found for end in _ends(name) if end in wanted
    )
    prefix = max(counts, key=lambda text: (counts[text], -len(text)), default="")
    if not prefix or counts[prefix] <= counts.get("", 0):
        return dict(found), notes
    outside = [name for name in found if not name.startswith(prefix)]
    notes.append(f"prefix {prefix} taken off the names")
    if outside:
        notes.append(f"left out, as {_listed('outside the prefix', outside)}")
    return {
        name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)
    }, notes


def _ends(name: str) -> Iterable[str]:
    """`a.b.c` -> `a.b.c`, `b.c`, `c`."""
    parts = name.split(".")
    return (".".join(parts[begin:]) for begin in range(len(parts)))


def _missing_counters(
    entries: "Mapping[str, Tensor]", wanted: "Mapping[str, Tensor]"
) -> "dict[str, Tensor]":
    import torch

    return {
        name: torch.zeros(like.shape, dtype=like.dtype)
        for name, like in wanted.items()
        if name.endswith(_COUNTER) and name not in entries
    }


def _as(value: "Tensor", like: "Tensor", name: str) -> "Tensor | None":
    """`value` on the CPU in the type of `like`; None if it cannot stand for it."""
    import torch

    if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
        return None
    value = value.detach().cpu()
    if name.endswith(_COUNTER):
        return value.reshape(like.shape).to(like.dtype) if value.numel() == like.numel() else None
    if value.shape != like.shape or value.is_floating_point() != like.is_floating_point():
        return None
    if value.dtype != like.dtype and not value.is_floating_point():
        return None
    return value.to(like.dtype)


def _dtype(value: "Tensor") -> str:
    return str(value.dtype).removeprefix("torch.")


def _kind(value: "Tensor") -> str:
    layout = str(value.layout).removeprefix("torch.")
    return f"{'' if layout == 'strided' else layout + ' '}{_dtype(value)} {tuple(value.shape)}"


def _closest_first(missing: list[str], unexpected: list[str]) -> tuple[list[str], list[str]]:
    """Both lists with the names first that are likest to one of the other list."""
    some, others = missing[:_COMPARED_AT_MOST], unexpected[:_COMPARED_AT_MOST]
    likeness: dict[str, float] = {}
    for name in some:
        matcher = difflib.SequenceMatcher(b=name, autojunk=False)
        for other in others:
            matcher.set_seq1(other)
            if matcher.real_quick_ratio() > min(likeness.get(name, 0), likeness.get(other, 0)):
                ratio = matcher.ratio()
                likeness[name] = max(likeness.get(name, 0), ratio)
                likeness[other] = max(likeness.get(other, 0), ratio)

    def order(names: list[str]) -> list[str]:
        return sorted(names, key=lambda name: -likeness.get(name, 0))

    return order(missing), order(unexpected)


def _listed(label: str, names: "list[Any]") -> str:
    """`2 missing (a, b)`, with the first few names; empty without names."""
    if not names:
        return ""
    more = ", ..." if len(names) > _NAMED_AT_MOST else ""
    return f"{len(names)} {label} ({', '.join(names[:_NAMED_AT_MOST])}{more})"
