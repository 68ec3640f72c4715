"""The file of an engine's timing, and the statistics in it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segtrt.files import write_json
from segtrt.formats import read_format

FORMAT = "segtrt-timing-1"


@dataclass(frozen=True)
class Stats:
    """Statistics of one step over the timed runs, in milliseconds."""

    mean: float
    median: float
    std: float | None
    """Sample standard deviation (divisor n - 1); None for a single run."""
    min: float
    max: float
    p90: float | None
    """90th percentile; None below 10 runs."""
    p99: float | None
    """99th percentile; None below 100 runs."""


@dataclass(frozen=True)
class TimingResult:
    """How long one batch takes on an engine that is warm."""

    batch_size: int
    iterations: int
    """Timed runs done."""
    warmup_iterations: int
    warmup_settled: bool
    """Whether warm-up ended because times had settled, not because its time was up."""
    stable: bool
    unstable_reason: str
    """Empty if stable."""
    images_per_second: float
    """Batch size over the median of `total`."""
    total: Stats
    """Copy-in, run and copy-out together."""
    run: Stats
    copy_in: Stats | None
    copy_out: Stats | None
    samples_ms: list[float]
    """`total` of every timed run, in order."""

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values; times are in milliseconds."""
        return asdict(self)


@dataclass(frozen=True)
class EngineTiming:
    """How fast an engine is and on what it was measured; of an unsupported engine only its name."""

    runtime: str
    batch_size: int
    precision: str
    status: str
    """As in the engine's record."""
    reason: str
    """Why it is unsupported; empty if it is not."""
    mode: str | None = None
    """`stream`, `graph` or `overlapped`: how it was run."""
    threads: int | None = None
    """CPU threads; None on a GPU."""
    machine: dict[str, Any] | None = None
    """The machine it was measured on: device and versions, CPU and its cores."""
    load_stages_ms: dict[str, float] | None = None
    """The start-up in stages, in milliseconds."""
    memory_mib: float | None = None
    warm_start: bool | None = None
    """Whether kernels compiled earlier were found; None where nothing is compiled at the start."""
    gpu_before: dict[str, Any] | None = None
    """The GPU's clocks, temperature and power before the timing; None on a CPU."""
    gpu_after: dict[str, Any] | None = None
    timing: TimingResult | None = None

    def write(self, path: Path) -> None:
        """Write the timing as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_timing(path: Path) -> EngineTiming:
    """Read an engine's timing.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, EngineTiming, what="timing", tag=FORMAT)
