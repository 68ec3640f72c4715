"""What a network should answer: its probabilities, and targets made of labels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segtrt.data.labels import IGNORED
from segtrt.errors import SegtrtError
from segtrt.model.spec import Activation, NetworkSpec
from segtrt.training.optimisation import soft_dice_loss

if TYPE_CHECKING:
    from torch import Tensor

THRESHOLD = 0.5
"""Probability above which a pixel has a class, where classes do not exclude each other."""


_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Targets:
    """How a network's output and labels are compared.

    Classes exclude each other after softmax, and where a network gives logits of several channels;
    its first channel is then background. Otherwise each channel is a class.

    Raises:
        SegtrtError: the network has not one channel for each class.
    """

    spec: NetworkSpec
    classes: int
    """Of the masks, background not counted."""

    def __post_init__(self) -> None:
        expected = self.classes + self.exclusive
        if self.spec.classes != expected:
            background = ", one of them background" if self.exclusive else ""
            raise SegtrtError(
                f"the network has {self.spec.classes} output channels, but the masks have "
                f"{self.classes} classes, which takes {expected}{background}; change the network "
                "or dataset.labels"
            )

    @property
    def exclusive(self) -> bool:
        """Whether exactly one channel is right for each pixel."""
        activation = self.spec.activation
        logits = activation is Activation.NONE and self.spec.classes > 1
        return logits or activation is Activation.SOFTMAX

    def probabilities(self, output: "Tensor") -> "Tensor":
        """A probability of each class, background not counted, of an output (n, channels, *size).

        Returns:
            (n, classes, *size) float32.
        """
        output = output.float()
        if self.spec.activation is Activation.NONE:
            output = output.softmax(1) if self.exclusive else output.sigmoid()
        return output[:, 1:] if self.exclusive else output

    def found(self, output: "Tensor") -> "Tensor":
        """Which pixels have which class, (n, classes, *size) bool."""
        if not self.exclusive:
            return self.probabilities(output) > THRESHOLD
        highest = output.argmax(1, keepdim=True)
        return self._each_class(highest)

    def truth(self, labels: "Tensor", like: "Tensor") -> "tuple[Tensor, Tensor]":
        """Labels on the grid of an output.

        Args:
            labels: (n, 1, *size) float32.
            like: (n, classes, *size of the output).

        Returns:
            Which pixels are of which class, (n, classes, *size of the output) bool; and which count
            at all, (n, 1, *size of the output) bool.
        """
        if labels.shape[2:] != like.shape[2:]:
            from torch.nn.functional import interpolate

            labels = interpolate(labels, like.shape[2:], mode="nearest-exact")
        return self._each_class(labels), labels != IGNORED

    def loss(self, output: "Tensor", labels: "Tensor") -> "Tensor":
        """What training minimises, over the pixels that count.

        The mean soft Dice loss of the classes (`soft_dice_loss`); where they exclude each other,
        the cross entropy is added, as nnU-Net does (Isensee et al., Nature Methods 18, 2021).

        Args:
            output: (n, channels, *size) as the network gives it.
            labels: (n, 1, *size) float32.
        """
        import torch

        probabilities = self.probabilities(output)
        truth, counted = self.truth(labels, probabilities)
        seen = probabilities * counted
        losses = [
            soft_dice_loss(seen[:, each], truth[:, each].float()) for each in range(self.classes)
        ]
        dice = torch.stack(losses).mean()
        return dice + self._cross_entropy(output, truth, counted) if self.exclusive else dice

    def _cross_entropy(self, output: "Tensor", truth: "Tensor", counted: "Tensor") -> "Tensor":
        """Mean of -log of the right channel's probability."""
        import torch

        output = output.float()
        if self.spec.activation is Activation.NONE:
            logarithms = output.log_softmax(1)
        else:
            logarithms = output.clamp_min(_LEAST_PROBABILITY).log()
        right = torch.cat([counted & ~truth.any(1, keepdim=True), truth], 1)
        return -(logarithms * right).sum() / counted.sum().clamp_min(1)

    def _each_class(self, labels: "Tensor") -> "Tensor":
        import torch

        return torch.cat([labels == each for each in range(1, self.classes + 1)], 1)
