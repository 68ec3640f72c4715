"""Settings for a network and images, with what cannot be known from them asked for."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.cli.places import Places
from segtrt.config.resolve import resolve_config
from segtrt.data.form import form_of
from segtrt.data.layout import Item
from segtrt.data.listing import list_items
from segtrt.errors import SegtrtError

_LOOKED_AT = 20
"""Masks in which values are looked for."""
_MOST_VALUES = 64
"""A mask with more is an image."""


@dataclass(frozen=True)
class Answers:
    """What the user said of the network and the images; None where nothing was said."""

    labels: str | None = None
    """`1=liver,2=tumour`."""
    normalisation: str | None = None
    activation: str | None = None
    weights: str | None = None
    arguments: Mapping[str, Any] | None = None


def make_settings(
    network: str, places: Places, answers: Answers, ask: Callable[[str, str], str] | None
) -> dict[str, Any]:
    """The configuration, as far as it differs from the defaults.

    Args:
        network: as `model.network` takes it.
        places: where images and masks are.
        answers: what the user said.
        ask: asks a question with a proposed answer; None where there is nobody to ask.

    Raises:
        SegtrtError: no images are found, or something is not known and there is nobody to ask: one
            line with the options that say it.
    """
    items = _listed(places)
    asked = _Questions(ask)
    dataset = _dataset(places)
    if places.masks is not None:
        proposal = ",".join(f"{value}=class {value}" for value in _values(items))
        text = answers.labels or asked.about("labels", "what values of the masks mean", proposal)
        dataset["labels"] = _labels(text)
    elif answers.labels:
        raise SegtrtError("--labels is given, but no masks are; give --masks too")
    subjects = len({item.subject for item in items})
    model: dict[str, Any] = {"network": network}
    if answers.arguments:
        model["arguments"] = dict(answers.arguments)
    if answers.weights:
        model["weights"] = answers.weights
    if answers.activation:
        model["activation"] = answers.activation
    settings: dict[str, Any] = {"dataset": dataset, "model": model}
    normalisation = answers.normalisation
    if normalisation is None and network != "unet":
        normalisation = asked.about("normalisation", "how values are normalised", _usual(items))
    if normalisation:
        settings["tensors"] = {"normalisation": normalisation}
    if subjects == 1:
        # None is left to calibrate with.
        dataset["calibration_fraction"] = 0
        settings["engines"] = {"precisions": ["fp32"]}
    asked.end()
    resolve_config(settings)
    return settings


class _Questions:
    """Asks, or gathers what there was nobody to ask about."""

    def __init__(self, ask: Callable[[str, str], str] | None) -> None:
        self._ask = ask
        self._open: list[str] = []

    def about(self, option: str, question: str, proposal: str) -> str:
        """The answer, or the proposal where there is nobody to ask."""
        if self._ask is not None:
            return self._ask(question, proposal)
        self._open.append(f"--{option} '{proposal}' ({question})")
        return proposal

    def end(self) -> None:
        """Refuse to go on with proposals alone."""
        if self._open:
            raise SegtrtError(
                f"not known, and there is no terminal to ask on: add {' '.join(self._open)}, or "
                "what is right instead"
            )


def ask_on_terminal(question: str, proposal: str) -> str:
    """Ask on the terminal; an empty answer takes the proposal."""
    print(f"segtrt: {question} [{proposal}]: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or proposal


def _dataset(places: Places) -> dict[str, Any]:
    if places.nnunet:
        return {"source": "nnunet", "path": places.root}
    return {
        "source": "path",
        "path": places.root,
        "images": places.images,
        "masks": places.masks,
    }


def _listed(places: Places) -> Sequence[Item]:
    root = Path(places.root).expanduser()
    if places.nnunet:
        form = form_of(root, nnunet=True)
    else:
        form = form_of(root, nnunet=False, images=places.images, masks=places.masks)
    listing = list_items(root, form.layout)
    if not listing.items:
        problem = next(iter(listing.problems), None)
        example = f" ({problem.subject}: {problem.reason})" if problem else ""
        raise SegtrtError(f"no image below {root} is whole{example}; correct the patterns")
    return listing.items


def _values(items: Sequence[Item]) -> list[int]:
    """Values other than 0 in the first masks."""
    import numpy as np

    from segtrt.data.formats.read import read_file

    found: set[int] = set()
    masks = [item.root / item.mask for item in items if item.mask is not None]
    for path in masks[:_LOOKED_AT]:
        found.update(int(value) for value in np.unique(read_file(path, indices=True).array))
        if len(found) > _MOST_VALUES:
            raise SegtrtError(
                f"{path} has more than {_MOST_VALUES} different values, so it is no mask; name the "
                "masks with --masks"
            )
    return sorted(found - {0}) or [1]


def _labels(text: str) -> dict[int, str]:
    labels = {}
    for part in text.split(","):
        value, sign, name = part.partition("=")
        if not sign or not value.strip().isdecimal() or not name.strip():
            raise SegtrtError(
                f"labels {text!r} are not VALUE=NAME,...; write, e.g., 1=liver,2=tumour"
            )
        labels[int(value)] = name.strip()
    return labels


def _usual(items: Sequence[Item]) -> str:
    """What is usual for such images: bytes are scaled, anything else is brought to one spread."""
    from segtrt.data.formats.read import read_image

    return "scale" if read_image(items[0]).array.dtype.itemsize == 1 else "zscore"
