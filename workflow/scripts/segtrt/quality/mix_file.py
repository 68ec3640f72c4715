"""The file of a mix: which region runs in which precision, and what that should gain and lose."""

from dataclasses import asdict, dataclass
from pathlib import Path

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.precision import Graph, Precision

FORMAT = "segtrt-mix-1"


MIN_GAIN = 0.02
"""What a run of neighbouring regions in one precision must gain to be lowered, as a share of the
whole network's latency: every lowered region is one more to lose by."""


@dataclass(frozen=True)
class Option:
    """One region in one precision, as far as both gain and loss are known."""

    region: int
    graph: Graph
    gain: float
    """What it surely gains or loses alone, as a share of the whole float32 network's latency in the
    same job: jobs may find a machine busier than others did."""
    metric_loss: float | None
    """As measured, in the metric's unit; None without ground truth."""
    flipped_fraction: float
    is_finite: bool
    """Whether all outputs were numbers on the search subjects."""

    @property
    def losses(self) -> tuple[float, float]:
        """What counts against a budget: of the metric, 0 where it is not known, and of labels.

        A gain of the metric on a few subjects is luck, and pays for no other region.
        """
        lost = self.metric_loss or 0.0
        # Not `max(0.0, lost)`: that would drop NaN.
        return 0.0 if lost < 0 else lost, self.flipped_fraction


@dataclass(frozen=True)
class Join:
    """What neighbouring regions in one precision save, as nothing is converted between them."""

    graph: Graph
    gain: float
    """For each pair of neighbours, as a share of the float32 network's latency."""


@dataclass(frozen=True)
class Choice:
    """A region that is lowered."""

    region: int
    name: str
    graph: Graph


@dataclass(frozen=True)
class Prediction:
    """What single regions add up to, and what neighbours save."""

    plain_ms: float | None
    """Median latency of the float32 network at `MixPlan.batch_size`; None if nothing was timed."""
    gain: float
    """Share of that latency that is saved."""
    metric_loss: float | None
    """Sum of measured losses, gains taken as 0; None without ground truth."""
    flipped_fraction: float

    @property
    def latency_ms(self) -> float | None:
        """Latency of the mix."""
        return None if self.plain_ms is None else self.plain_ms * max(0.0, 1 - self.gain)


@dataclass(frozen=True)
class MixPlan:
    """A mix for one runtime on one machine."""

    precision: Precision
    """`mixed`, or another budget's."""
    runtime: str
    budget: float
    """Most that regions may lose together."""
    batch_size: int
    """At which gains were measured."""
    choices: tuple[Choice, ...]
    """In the order of the data; empty where no region is worth lowering."""
    predicted: Prediction
    options: tuple[Option, ...]
    """All that there was to choose from."""
    joins: tuple[Join, ...]
    """What neighbours in one precision save."""

    @property
    def chosen(self) -> dict[int, Graph]:
        """Region -> the graph to take it from."""
        return {choice.region: choice.graph for choice in self.choices}

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_mix(path: Path) -> MixPlan:
    """Read a mix.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, MixPlan, what="mix", tag=FORMAT)
