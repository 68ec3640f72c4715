"""From a network's output to labels: the one place that knows thresholds, argmax and logits.

One `Decoder` is made from the settings and passed whole to scores, pictures, the command line and
packages, so that all of them see the same labels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from segtrt.errors import SegtrtError
from segtrt.quality.components import largest_of_each

Activation = Literal["sigmoid", "softmax", "none"]
"""What the network's output has gone through; `none` means that it gives logits."""

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

MAX_LABEL = 254
"""As many as uint8 holds beside 0 and a value for pixels that are not scored."""


@dataclass(frozen=True)
class Decoder:
    """How an output becomes a label map.

    With a threshold, every channel is a class of its own, label 1 being channel 0; where several
    are above the threshold, the highest wins, and where none is, the label is 0. Softmax has its
    background in channel 0, so there label 1 is channel 1. With argmax, the label is the number of
    the highest channel, so channel 0 is background. Of equal channels the first wins.

    Raises:
        SegtrtError: no such activation or a threshold that is no probability.
    """

    activation: Activation
    threshold: float | None = 0.5
    """Probability above which a pixel has a class; None takes the highest channel."""
    largest_component: bool = False
    """Keep only the largest connected component of each class."""
    ignored: int | None = None
    """Value of the truth that marks pixels that are not scored; no network gives it."""

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise SegtrtError(
                f"the network's activation is {self.activation!r}; expected "
                f"{', '.join(ACTIVATIONS)}"
            )
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SegtrtError(
                f"validation.decide has the threshold {self.threshold}; expected a probability "
                "above 0 and below 1, or argmax"
            )

    @classmethod
    def usual(cls, activation: Activation, channels: int) -> Self:
        """What is chosen where the settings say nothing.

        Argmax after softmax and for logits of several channels; the threshold 0.5 otherwise.
        """
        exclusive = channels > 1 and activation != "sigmoid"
        return cls(activation, None if exclusive else 0.5)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "activation": self.activation,
            "decide": "argmax" if self.threshold is None else {"threshold": self.threshold},
            "largest_component": self.largest_component,
            "ignored": self.ignored,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError, SegtrtError: `data` is something else.
        """
        decide, ignored = data["decide"], data["ignored"]
        return cls(
            activation=data["activation"],
            threshold=None if decide == "argmax" else float(decide["threshold"]),
            largest_component=bool(data["largest_component"]),
            ignored=None if ignored is None else int(ignored),
        )

    @property
    def limit(self) -> float:
        """The threshold in the output's own values: of logits, the logit of the probability.

        Raises:
            ValueError: there is no threshold.
        """
        if self.threshold is None:
            raise ValueError("argmax has no threshold")
        if self.activation == "none":
            return math.log(self.threshold / (1 - self.threshold))
        return self.threshold

    @property
    def background(self) -> float:
        """An output value that is background if all channels have it: for pixels never seen."""
        return -math.inf if self.threshold is not None and self.activation == "none" else 0.0

    def classes(self, channels: int) -> int:
        """The highest label that an output of so many channels gives; labels are 0 to that.

        Raises:
            SegtrtError: too few channels to choose between, or too many labels for uint8.
        """
        first = self._first_class
        count = channels - first
        if count < 1:
            how = "argmax" if self.threshold is None else "a threshold after softmax"
            raise SegtrtError(
                f"validation.decide is {how}, but the network's output has {channels} channel; "
                "expected 2 or more: set a threshold, and activation sigmoid or none"
            )
        if count > MAX_LABEL:
            raise SegtrtError(
                f"the network has {count} classes; at most {MAX_LABEL} can be told apart"
            )
        return count

    @property
    def _first_class(self) -> int:
        """Channel of label 1."""
        return int(self.threshold is None or self.activation == "softmax")

    def decode(self, output: NDArray[np.float32], what: str) -> NDArray[np.uint8]:
        """Labels of an output: `labels`, then `finish`. For a whole item.

        Args:
            output: (channels, *size) float32.
            what: names the output in messages, e.g. `openvino/b1_fp32: subject pat_a`.

        Returns:
            (*size) uint8, 0 to `classes(channels)`.

        Raises:
            SegtrtError: the output has values that are not a number, or too few or many channels.
        """
        return self.finish(self.labels(output, what))

    def labels(self, output: NDArray[np.float32], what: str) -> NDArray[np.uint8]:
        """Labels before components are dropped; arguments and result as for `decode`.

        Each pixel for itself, so an item's output may come in slabs.
        """
        self.classes(len(output))
        wrong = int(np.count_nonzero(np.isnan(output)))
        if wrong:
            raise SegtrtError(
                f"{what}: {wrong} of {output.size} output values are not a number (NaN), so there "
                "are no labels; the network or its precision is at fault, try another precision"
            )
        if self.threshold is None:
            return _as_labels(np.argmax(output, axis=0))
        first = self._first_class
        # Compared in float32, as an output is: 0.7 is then 0.7's nearest float32 on both sides.
        if len(output) - first == 1:
            return _as_labels(output[first] > np.float32(self.limit))
        above = output[first:].max(axis=0) > np.float32(self.limit)
        highest = np.argmax(output[first:], axis=0) + 1
        return _as_labels(np.where(above, highest, 0))

    def finish(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What needs the whole item: drop all but the largest component of each class, if asked.

        Args:
            labels: (*size) uint8.

        Returns:
            A new map of the same size, or `labels` itself where nothing is asked.
        """
        return largest_of_each(labels) if self.largest_component else labels


def _as_labels(values: NDArray[Any]) -> NDArray[np.uint8]:
    return values.astype(np.uint8)
