"""`package.json`: which engine a package has, what was proven of it, and what is expected of it."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.quality.sample_limits import SampleLimits

FORMAT = "segtrt-package-1"
FILE = "package.json"
ENGINE = "engine/engine.bin"
RECORD = "engine/engine.json"


@dataclass(frozen=True)
class Proven:
    """What the engine was measured to do, and on what."""

    latency_ms: float
    """Median of one batch, copies included."""
    images_per_second: float
    mode: str
    """`stream`, `graph` or `overlapped`."""
    threads: int | None
    """CPU threads; None on a GPU."""
    speedup: float | None
    """Against the fastest way of running the network itself that was timed on that machine; None if
    none was."""
    speedup_over: str | None
    """Which way that is."""
    device: str
    """Model of the CPU or GPU."""
    stable: bool
    """Whether its times were steady."""


@dataclass(frozen=True)
class Quality:
    """What the engine was proven to answer."""

    metric: str
    """The metric's title, e.g. `Dice`."""
    unit: str
    """Its unit; empty if it has none."""
    mean: float | None
    """The engine's mean over evaluation subjects; None without ground truth."""
    reference_mean: float | None
    """The float32 network's."""
    loss: float | None
    """What the engine lost; negative if it gained."""
    interval: list[float] | None
    """95 % confidence interval of the loss, [low, high]; None if it was not worked out."""
    flipped_fraction: float
    """Share of pixels whose label is another than the float32 network's."""
    relative_rms: float
    """Root mean square of the outputs' difference over their standard deviation."""
    subjects: int
    """Evaluation subjects."""
    patches: int
    """Images, slices or windows that the network saw of them."""


@dataclass(frozen=True)
class Cell:
    """An engine of the run's matrix, in the package or not."""

    name: str
    runtime: str
    verdict: str
    """`pass`, `fail`, `skipped` or `not_run`."""
    target: dict[str, Any]
    """What it was built for (`Runtime.target`); empty if it was not built."""


@dataclass(frozen=True)
class Manifest:
    """What `package.json` says."""

    name: str
    engine: str
    """Its name in the run, `runtime/b{batch}_{precision}` or `runtime@machine/...`."""
    recommended: bool
    """Whether it is the one that the run recommends."""
    verdict: str
    reference: str
    """What it was compared with, e.g. `PyTorch`."""
    quality: Quality
    proven: Proven
    limits: SampleLimits
    """What answers to the golden samples may differ by."""
    samples: int
    """Golden samples."""
    requirements: list[str]
    """What must be installed to run it, `name==version`, beside this library."""
    library: str
    """Version of this library."""
    cells: list[Cell] = field(default_factory=list)
    """The whole matrix."""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_manifest(path: Path) -> Manifest:
    """Read `package.json`.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, Manifest, what="package's description", tag=FORMAT)
