"""The engine's record: `engine.json` beside `engine.bin`."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.model.spec import NetworkSpec
from segtrt.precision import Graph
from segtrt.runtimes.description import BuildSettings, Layer

FORMAT = "segtrt-engine-3"


@dataclass(frozen=True)
class EngineRecord:
    """What an engine was built from, for what machine, how, and how long it took.

    No path, host name or time of day is in it.
    """

    runtime: str
    settings: BuildSettings
    """With the patch that it takes and the output that it gives."""
    network: NetworkSpec
    """The network's contract."""
    graph: Graph
    """The ONNX graph that it was built from."""
    status: str
    """`built`, or `unsupported`: then `reason` says why and the engine file is empty."""
    graph_sha256: str
    """SHA-256 of the ONNX graph."""
    target: dict[str, Any]
    """Device and versions that the engine was built for (`Runtime.target`)."""
    code: str
    """Fingerprint of the code that built it."""
    engine_sha256: str
    """SHA-256 of the engine file."""
    engine_bytes: int
    build_ms: float
    """Wall time from the graph to the engine, in milliseconds; the runtime's import included."""
    reason: str = ""
    first_start_ms: dict[str, float] = field(default_factory=dict)
    """The first start in stages, in milliseconds (`Runtime.first_start`)."""
    layers: list[Layer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})

    @property
    def name(self) -> str:
        """`runtime/b{batch}_{precision}`, as in the folder's name."""
        return f"{self.runtime}/b{self.settings.batch_size}_{self.settings.precision}"


def read_record(path: Path) -> EngineRecord:
    """Read `engine.json`.

    Raises:
        SegtrtError: missing, not JSON, or not a record of this format.
    """
    return read_format(path, EngineRecord, what="engine record", tag=FORMAT)
