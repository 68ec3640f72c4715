"""A data set's form: where its files are, and what the values of its masks stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segtrt.data.labels import Labels
from segtrt.data.layout import KAGGLE, Layout
from segtrt.data.nnunet import read_nnunet

FOREGROUND = {255: "tumour"}
"""Labels of the Kaggle masks, which are those of masks that nothing is said of."""


@dataclass(frozen=True)
class Form:
    """What is known of a data set's files without a look at any image."""

    layout: Layout
    labels: Labels | None
    """None where nothing names any class: there are no masks."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for keys."""
        layout = self.layout
        return {
            "images": layout.images,
            "masks": layout.masks,
            "channels": None if layout.channels is None else list(layout.channels),
            "labels": None if self.labels is None else self.labels.to_json(),
        }


def form_of(
    root: Path,
    *,
    nnunet: bool,
    images: str = KAGGLE.images,
    masks: str | None = KAGGLE.masks,
    channels: Sequence[str] | None = None,
    labels: Mapping[int, str] | None = None,
    ignored: int | None = None,
) -> Form:
    """The form of a data set.

    Args:
        root: its folder; only of nnU-Net's is a file looked at.
        nnunet: whether `dataset.json` in `root` says where files are and which labels there are.
        images: pattern of images.
        masks: pattern of masks; None for no ground truth.
        channels: values of `{channel}` in the network's order; None takes all that are found.
        labels: name by value in masks; None takes `dataset.json`'s, or else `FOREGROUND` where
            there are masks.
        ignored: value of pixels that no figure counts.

    Raises:
        SegtrtError: patterns or labels that cannot work, or `dataset.json` cannot be read.
    """
    if nnunet:
        described = read_nnunet(root)
        layout = described.layout if masks is not None else replace(described.layout, masks=None)
        return Form(layout, Labels.of(labels, ignored) if labels else described.labels)
    layout = Layout(images, masks, None if channels is None else tuple(channels))
    if labels is None and masks is None:
        return Form(layout, None)
    return Form(layout, Labels.of(labels or FOREGROUND, ignored))
