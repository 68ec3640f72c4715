"""The file of what a region, or the whole network, gains in low precision in one place."""

from dataclasses import asdict, dataclass
from pathlib import Path

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.precision import Graph
from segtrt.quality.sensitivity import Outcome

FORMAT = "segtrt-gain-1"


@dataclass(frozen=True)
class PairedTimes:
    """Latencies of one batch on two engines that took turns, in milliseconds."""

    plain_ms: float
    """Median of the engine in float32."""
    lowered_ms: float
    """Median of the engine with one region in low precision."""
    gain_ms: float
    """Median of the pairs' differences, which a drift of the machine cancels out of; negative if
    the region is slower in low precision, its conversions included."""
    low_ms: float
    """Lower end of the gain's 90 % confidence interval; below five pairs, which are too few for
    one, the lowest difference."""
    high_ms: float
    """Its upper end."""
    pairs: int

    @property
    def gain(self) -> float:
        """The gain as a share of the float32 engine's latency."""
        return self.gain_ms / self.plain_ms

    @property
    def sure_gain(self) -> float:
        """The same as far as it is sure: the end of its interval that is nearest to 0.

        0 where it may be a gain or a loss.
        """
        nearest = max(self.low_ms, 0.0) if self.high_ms > 0 else self.high_ms
        return nearest / self.plain_ms


@dataclass(frozen=True)
class Gain:
    """One region, or all of them, in one precision."""

    runtime: str
    graph: Graph
    """The graph that the region is taken from, which names the precision."""
    region: int | None
    """Its number, from 0 in the order of the data; None: all regions together."""
    name: str
    """As in the file of regions; empty for an empty one and for all together."""
    batch_size: int
    outcome: Outcome
    reason: str = ""
    times: PairedTimes | None = None
    """None where nothing was timed."""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_gain(path: Path) -> Gain:
    """Read what a region gains.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, Gain, what="gain of a region", tag=FORMAT)
