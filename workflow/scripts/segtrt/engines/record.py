"""The engine's record: `engine.json` beside `engine.bin`."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.files import read_json, sha256_file, write_json
from segtrt.precision import Graph, Precision
from segtrt.runtimes.base import BuildSettings, Layer

FORMAT = "segtrt-engine-2"


@dataclass(frozen=True)
class EngineRecord:
    """What an engine was built from, for what machine, how, and how long it took.

    No path, host name or time of day is in it.
    """

    runtime: str
    settings: BuildSettings
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
    """The first start in stages, in milliseconds (`Runtime.prove`)."""
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
    data = read_json(path, "engine record")
    try:
        if data.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        settings = data.pop("settings")
        settings["precision"] = Precision(settings["precision"])
        settings["compute_capabilities"] = tuple(settings["compute_capabilities"])
        layers = [Layer(**layer) for layer in data.pop("layers")]
        graph = Graph(data.pop("graph"))
        return EngineRecord(settings=BuildSettings(**settings), graph=graph, layers=layers, **data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SegtrtError(
            f"{path} is not an engine record this version can read ({error}); delete it and run "
            "the workflow again"
        ) from None


def check_engine(engine: Path, record: EngineRecord) -> None:
    """Refuse an engine file that is not the one its record describes.

    Raises:
        SegtrtError: missing, cut short or changed; says how to rebuild just that one.
    """
    again = f"delete {engine} and run the workflow again to rebuild just this engine"
    if not engine.is_file():
        raise SegtrtError(f"engine {engine} does not exist; run the workflow to build it")
    size = engine.stat().st_size
    if size != record.engine_bytes:
        raise SegtrtError(
            f"engine {engine} has {size} bytes, its record says {record.engine_bytes}; {again}"
        )
    digest = sha256_file(engine)
    if digest != record.engine_sha256:
        raise SegtrtError(
            f"engine {engine} was changed after it was built (SHA-256 {digest[:12]}..., its "
            f"record says {record.engine_sha256[:12]}...); {again}"
        )
