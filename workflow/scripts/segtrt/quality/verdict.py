"""The file of the verdict on an engine."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.quality.failures import Failure
from segtrt.quality.scores import Interval

FORMAT = "segtrt-validation-2"


@dataclass(frozen=True)
class PrecisionProof:
    """In which types an engine computes, by its runtime's own account."""

    layers: dict[str, float]
    """Share of all layers by type."""
    convolutions: dict[str, float] | None
    """Share of the convolutions' work by type; None if no convolution's type is known."""
    weighed_by: Literal["flops", "layers"]
    """What the convolutions' work is counted in: `flops` if known for each of them."""


@dataclass(frozen=True)
class Verdict:
    """Whether an engine keeps its tolerances and computes in its precision."""

    engine: str
    """Its name in its record, which knows no machine's name."""
    verdict: Literal["pass", "fail", "skipped"]
    reason: str
    """Why it was skipped; empty if it was not."""
    failures: tuple[Failure, ...]
    tolerance: dict[str, float | None]
    """What it was judged by: the most of each figure; None leaves one unchecked."""
    precision_proof: PrecisionProof | None
    """None if its runtime does not tell."""
    confident: bool
    """Whether the worse end of `loss_interval` had to keep the tolerance of the loss."""
    loss_interval: Interval | None
    """The 95 % interval of its loss of the metric; None if there is none."""

    def write(self, path: Path) -> None:
        """Write the verdict as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_verdict(path: Path) -> Verdict:
    """Read the verdict on an engine.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, Verdict, what="verdict", tag=FORMAT)
