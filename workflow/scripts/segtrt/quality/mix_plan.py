"""The file of a mix: which region runs in which precision, and what that should gain and lose."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from segtrt.engines.gain_file import Gain
from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.precision import Graph, Precision
from segtrt.quality.mix_choice import (
    Join,
    Option,
    choose,
    joins_of,
    options_of,
    plain_latency,
    total_gain,
)
from segtrt.quality.sensitivity import Sensitivity

FORMAT = "segtrt-mix-1"


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


def plan_mix(
    precision: Precision,
    runtime: str,
    gains: Sequence[Gain],
    sensitivities: Sequence[Sensitivity],
    *,
    budget: float,
    batch_size: int,
) -> MixPlan:
    """Choose a mix.

    Args:
        precision: its name.
        runtime: whose engines it is for.
        gains: what each region gains there in each precision.
        sensitivities: what each loses.
        budget: most that they may lose together.
        batch_size: at which gains were measured.
    """
    options, joins = options_of(gains, sensitivities), joins_of(gains)
    chosen = [one for _, one in sorted(choose(options, budget, joins).items())]
    names = {gain.region: gain.name for gain in gains}
    has_truth = any(one.metric_loss is not None for one in options)
    return MixPlan(
        precision,
        runtime,
        budget,
        batch_size,
        tuple(Choice(one.region, names[one.region], one.graph) for one in chosen),
        Prediction(
            plain_latency(gains),
            total_gain(chosen, joins),
            sum(max(0.0, one.metric_loss or 0.0) for one in chosen) if has_truth else None,
            sum(one.flipped_fraction for one in chosen),
        ),
        tuple(options),
        tuple(joins),
    )
