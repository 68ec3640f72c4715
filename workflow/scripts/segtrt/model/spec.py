"""A network's contract: what images it takes and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from segtrt.errors import SegtrtError
from segtrt.files import read_json, write_json

FORMAT = "segtrt-network-1"


class Activation(StrEnum):
    """What a network's answers are."""

    SIGMOID = "sigmoid"
    """A probability of each class by itself."""
    SOFTMAX = "softmax"
    """Outputs of classes that exclude each other; they sum to 1."""
    NONE = "none"
    """Scores that are no probabilities yet: logits."""


@dataclass(frozen=True)
class NetworkSpec:
    """Shapes and meaning of a network's input and output.

    Images are (patches, channels, *size) float32, answers (patches, classes, *size / stride).
    """

    input: str
    """Name of the input in the graph."""
    channels: int
    size: tuple[int | None, ...]
    """Sides, (height, width) or (depth, height, width); None where one is free."""
    multiple: tuple[int, ...]
    """What each side must be a multiple of; 1 where a side is fixed."""
    batch: int | None
    """Number of patches that the graph takes at once; None where any."""
    output: str
    """Name of the output in the graph."""
    classes: int
    """Channels of the output."""
    activation: Activation
    stride: tuple[int, ...]
    """Sides of the images over sides of the answers, rounded up: 4 where they are a quarter."""

    @property
    def dimensions(self) -> int:
        """2 for images, 3 for volumes."""
        return len(self.size)

    @property
    def threshold(self) -> float:
        """What the answer of a single class must exceed to be foreground."""
        return 0.0 if self.activation is Activation.NONE else 0.5

    def fit(self, size: Sequence[int]) -> tuple[int, ...]:
        """The smallest sides that the network takes and `size` fits into.

        Raises:
            SegtrtError: another number of sides, or a fixed side is smaller.
        """
        if len(size) != self.dimensions:
            raise SegtrtError(
                f"size {'x'.join(map(str, size))} has {len(size)} sides; the network takes "
                f"{self.dimensions}"
            )
        fitted = []
        for wanted, fixed, step in zip(size, self.size, self.multiple, strict=True):
            if fixed is not None and wanted > fixed:
                raise SegtrtError(
                    f"size {'x'.join(map(str, size))} is larger than the network's fixed "
                    f"{'x'.join(str(side or '?') for side in self.size)}; cut images into patches"
                )
            fitted.append(fixed if fixed is not None else -(-wanted // step) * step)
        return tuple(fitted)

    def output_of(self, size: Sequence[int]) -> tuple[int, ...]:
        """(classes, *size) of the answer to one patch.

        Args:
            size: the patch's sides.
        """
        sides = zip(size, self.stride, strict=True)
        return (self.classes, *(-(-side // step) for side, step in sides))

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], what: str = "network.json") -> Self:
        """From what `to_json` gave.

        Args:
            value: the object.
            what: where it comes from, for the message.

        Raises:
            SegtrtError: it is something else.
        """
        try:
            if value["format"] != FORMAT:
                raise ValueError(f"its format is {value['format']}")
            return cls(
                input=str(value["input"]),
                channels=int(value["channels"]),
                size=tuple(None if side is None else int(side) for side in value["size"]),
                multiple=tuple(int(step) for step in value["multiple"]),
                batch=None if value["batch"] is None else int(value["batch"]),
                output=str(value["output"]),
                classes=int(value["classes"]),
                activation=Activation(value["activation"]),
                stride=tuple(int(step) for step in value["stride"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SegtrtError(
                f"{what} is not a network's contract of format {FORMAT} ({error}); delete it and "
                "run the workflow again"
            ) from None


def write_spec(spec: NetworkSpec, notes: Sequence[str], path: Path) -> None:
    """Write a contract, with what was noted when it was found, as JSON."""
    write_json(path, {**spec.to_json(), "notes": list(notes)})


def read_notes(path: Path) -> list[str]:
    """A line on each choice that was made when a contract was found.

    Raises:
        SegtrtError: the file is missing, or no contract.
    """
    read_spec(path)
    return [str(note) for note in read_json(path, "the network's contract")["notes"]]


def read_spec(path: Path) -> NetworkSpec:
    """Read a contract.

    Raises:
        SegtrtError: missing, or not one.
    """
    value = read_json(path, "the network's contract")
    return NetworkSpec.from_json(value if isinstance(value, dict) else {}, str(path))
