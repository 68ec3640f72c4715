"""The file of one rebuild: the same graph built once more, beside the engine that was proven."""

from dataclasses import asdict, dataclass
from pathlib import Path

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.quality.scores import Errors

FORMAT = "segtrt-rebuild-1"


@dataclass(frozen=True)
class Latency:
    """How long one batch takes, copies included."""

    median_ms: float
    stable: bool
    """Whether the timed runs can be trusted (`segtrt.engines.timing.instability`)."""


@dataclass(frozen=True)
class Built:
    """What became of a build, and how far it is from the proven engine."""

    engine_sha256: str
    engine_bytes: int
    same_bytes: bool
    """Whether it is the proven engine, byte for byte."""
    build_ms: float
    """Wall time from the graph to the engine, in milliseconds."""
    latency: Latency
    proven_latency: Latency
    """The proven engine's, timed again in the same job: what latency differs by without a build."""
    errors: Errors
    """Its answers against the proven engine's, on evaluation subjects."""
    equal_patches: int
    """Of `errors.patches`, those to which both gave the same output, byte for byte."""


@dataclass(frozen=True)
class Rebuild:
    """One rebuild of an engine."""

    engine: str
    """The proven engine's name, as in its record."""
    proven_sha256: str
    """SHA-256 of the proven engine's file."""
    reason: str = ""
    """Why nothing was built: the proven engine is unsupported itself, or the build was refused this
    time; empty if one was built."""
    built: Built | None = None

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_rebuild(path: Path) -> Rebuild:
    """Read what `rebuild_engine` wrote.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, Rebuild, what="rebuild", tag=FORMAT)
