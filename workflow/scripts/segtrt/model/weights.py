"""The network's weights: fitted to the network, checked, and written in one canonical form."""

import difflib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError, name_some
from segtrt.files import write_bytes
from segtrt.model.unet import build_unet
from segtrt.model.weight_files import load_state_dict

if TYPE_CHECKING:
    from torch import Tensor

_FIRST_CONVOLUTION = "encoder1.enc1conv1.weight"
_COUNTER = "num_batches_tracked"
_VARIANCE = "running_var"
_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Parts of names that PyTorch's wrappers leave, at any depth."""
_NAMED_AT_MOST = 3
_COMPARED_AT_MOST = 100
"""Names in a list that are ordered by likeness; more would take seconds."""

logger = logging.getLogger(__name__)


def fit_state_dict(
    found: "Mapping[str, Tensor]", wanted: "Mapping[str, Tensor]"
) -> "dict[str, Tensor]":
    """Give the entries of a state dict the names, types and shapes that a network has.

    A prefix that wrappers put before every name (`module.`, `_orig_mod.`, `model.`, ...) is taken
    off, as are `_orig_mod` and its like within names. Floats are converted to the network's types,
    and so are whole numbers. The batch norms' counters (`num_batches_tracked`), which play no part
    in evaluation, may be missing, of another type or of shape (1,), as PyTorch itself lets them.

    Args:
        found: named dense tensors.
        wanted: the network's own `state_dict()`; may lie on the meta device.

    Returns:
        The entries in the network's own order.

    Raises:
        SegtrtError: entries are missing, not known to the network or of another shape or type; the
            message, with no word about where they come from, names some of them.
    """
    renamed = _unwrapped(found, wanted)
    fitted: dict[str, Tensor] = {}
    missing, wrong = [], []
    for name, target in wanted.items():
        counter = name.rsplit(".", 1)[-1] == _COUNTER
        if name in renamed:
            value = _converted(renamed[name], target, counter)
            if value is None:
                wrong.append(f"{name} is {_kind(renamed[name])} instead of {_kind(target)}")
            else:
                fitted[name] = value
        elif counter:
            fitted[name] = target.new_zeros(target.shape, device="cpu")
        else:
            missing.append(name)
    unknown = [name for name in renamed if name not in wanted]
    faults = [
        _listed("missing", missing, unknown),
        _listed("not known to the network", unknown, missing),
        _listed("of another shape or type", wrong),
    ]
    if any(faults):
        raise SegtrtError("; ".join(fault for fault in faults if fault))
    return fitted


def _unwrapped(
    found: "Mapping[str, Tensor]", wanted: "Mapping[str, Tensor]"
) -> "dict[str, Tensor]":
    """The entries by the names that they have without wrappers around the network.

    Of all prefixes the one is taken off under which most of the wanted names stand; what stands
    outside of it belongs to something else (an average's counter, a loss) and is left, with a note.

    Raises:
        SegtrtError: under several prefixes there is a network's worth of names.
    """
    plain = {}
    for name, value in found.items():
        parts = name.split(".")
        short = ".".join(part for part in parts if part not in _WRAPPERS or name in wanted)
        plain[short if short not in plain else name] = value
    prefixes = Counter(
        name[: -len(ending)] for name in plain for ending in _endings(name) if ending in wanted
    )
    if not prefixes:
        return plain
    most = max(prefixes.values())
    best = sorted(prefix for prefix, count in prefixes.items() if count == most)
    if "" in best or 2 * most < len(wanted):
        return plain
    if len(best) > 1:
        raise SegtrtError(
            f"the network's names stand under several prefixes ({name_some(best, _NAMED_AT_MOST)})"
        )
    (prefix,) = best
    others = [name for name in plain if not name.startswith(prefix)]
    logger.info("the prefix %r was taken off the weights' names", prefix)
    if others:
        logger.warning(
            "left out, as not of the network, which stands under %r: %s",
            prefix,
            name_some(others, _NAMED_AT_MOST),
        )
    return {
        name.removeprefix(prefix): value for name, value in plain.items() if name.startswith(prefix)
    }


def _endings(name: str) -> list[str]:
    """The name itself, and what is left of it without its first part, its first two, ..."""
    parts = name.split(".")
    return [".".join(parts[begin:]) for begin in range(len(parts))]


def _converted(value: "Tensor", target: "Tensor", counter: bool) -> "Tensor | None":
    """`value` in the type and shape of `target`, or None if it cannot be."""
    import torch

    if target.ndim == 0 and tuple(value.shape) == (1,):
        value = value.reshape(())
    if value.shape != target.shape:
        return None
    if value.dtype == target.dtype:
        return value
    if target.is_floating_point():
        return value.to(target.dtype) if value.is_floating_point() else None
    if torch.bool in (target.dtype, value.dtype):
        return None
    whole = value.to(torch.float64)
    if torch.isfinite(whole).all() and torch.equal(whole.to(target.dtype).double(), whole):
        return value.to(target.dtype)
    # A half's counter may have become infinite; no figure depends on it.
    return target.new_zeros(target.shape, device="cpu") if counter else None


def check_state_dict(
    state: "Mapping[str, Tensor]", init_features: int, what: str = "the weights"
) -> "dict[str, Tensor]":
    """Check that `state` fits the network of `init_features` and holds possible numbers only.

    Args:
        state: as from `load_state_dict`.
        init_features: channels of the network's first block.
        what: what is checked, for the message.

    Returns:
        The entries in the network's own order.

    Raises:
        SegtrtError: one line that names what is missing, not known to the network or of another
            shape or type, not finite or impossible (a negative variance); for the weights of
            another `init_features`, which one.
    """
    import torch

    with torch.device("meta"):
        wanted = build_unet(init_features).state_dict()
    ending = f".{_FIRST_CONVOLUTION}"
    first = next((value for name, value in state.items() if f".{name}".endswith(ending)), None)
    if first is not None and first.ndim == 4 and len(first) != init_features:
        raise SegtrtError(
            f"{what} are of a network with {len(first)} channels in its first block, the "
            f"configuration says {init_features}; set model.arguments.init_features to {len(first)}"
        )
    try:
        fitted = fit_state_dict(state, wanted)
    except SegtrtError as error:
        raise SegtrtError(
            f"{what} do not fit the network with model.arguments.init_features {init_features}: "
            f"{error}; give weights of this network"
        ) from None
    refuse_impossible(fitted, what)
    return fitted


def fit_weights(
    path: Path, wanted: "Mapping[str, Tensor]", what: str | None = None
) -> "dict[str, Tensor]":
    """The weights at `path` for any network.

    Args:
        path: as for `load_state_dict`.
        wanted: the network's own `state_dict()`.
        what: what they are called in messages; None for their path.

    Raises:
        SegtrtError: the file cannot be read, does not fit, or holds impossible numbers.
    """
    what = what or f"weights {path}"
    state = load_state_dict(path, what)
    try:
        fitted = fit_state_dict(state, wanted)
    except SegtrtError as error:
        raise SegtrtError(
            f"{what} do not fit the network: {error}; give the weights of this network, or correct "
            "model.network and model.arguments"
        ) from None
    refuse_impossible(fitted, what)
    return fitted


def _kind(value: "Tensor") -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _listed(label: str, names: Sequence[str], others: Sequence[str] = ()) -> str:
    """`2 missing (a, b)`, with a few names, first those most like one of `others`; or empty."""
    if not names:
        return ""
    ranked = list(names)
    if 0 < len(others) <= _COMPARED_AT_MOST and len(names) <= _COMPARED_AT_MOST:
        ranked.sort(key=lambda name: -max(_likeness(name, other) for other in others))
    more = ", ..." if len(names) > _NAMED_AT_MOST else ""
    return f"{len(names)} {label} ({', '.join(ranked[:_NAMED_AT_MOST])}{more})"


def _likeness(name: str, other: str) -> float:
    return difflib.SequenceMatcher(None, name, other, autojunk=False).ratio()


def refuse_impossible(state: "Mapping[str, Tensor]", what: str) -> None:
    """Refuse numbers that no trained network has.

    Args:
        state: a network's entries.
        what: what they are, for the message.

    Raises:
        SegtrtError: an entry is infinite or not a number, or a batch norm's variance is negative
            (its square root would be no number); names it.
    """
    import torch

    bad = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if bad:
        raise SegtrtError(
            f"{what} hold numbers that are infinite or not numbers: "
            f"{_listed('entries', bad)}; get or train them again"
        )
    negative = {
        name: float(value.min())
        for name, value in state.items()
        if name.rsplit(".", 1)[-1] == _VARIANCE and value.numel() and bool((value < 0).any())
    }
    if negative:
        name, least = next(iter(negative.items()))
        more = f" and {len(negative) - 1} more" if len(negative) > 1 else ""
        raise SegtrtError(
            f"{what} hold a negative variance, {name} with {least:.3g}{more}, which makes outputs "
            "that are not numbers; get or train them again"
        )


def save_weights(state: "Mapping[str, Tensor]", path: Path, half: bool) -> None:
    """Write weights as safetensors; the same entries give the same bytes.

    Args:
        state: entries in any order and memory layout, on any device. Of entries that share their
            memory, as a network has that names a layer twice, each is stored.
        path: the file to make.
        half: store floating-point entries as float16 rather than float32, half the size;
            `load_state_dict` gives float32 again.

    Raises:
        SegtrtError: an entry is not finite, becomes infinite as float16, or is impossible.
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
    refuse_impossible(stored, f"the weights for {path}" + (" as float16" if half else ""))
    write_bytes(path, save(_apart(stored)))


def _apart(state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Entries that share no memory: the format refuses others."""
    seen: set[int] = set()
    apart = {}
    for name, value in state.items():
        place = value.untyped_storage().data_ptr()
        apart[name] = value.clone() if place in seen else value
        seen.add(place)
    return apart
