"""The file of the network's own times."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segtrt.engines.timing_file import TimingResult
from segtrt.files import write_json
from segtrt.formats import read_format

FORMAT = "segtrt-reference-timing-1"


@dataclass(frozen=True)
class ReferenceTiming:
    """The network's times in float32: of PyTorch in eager mode, or of ONNX Runtime."""

    machine: dict[str, Any]
    """Facts of the machine (`Machine.facts`)."""
    device: str
    """Name of the GPU, or `cpu`."""
    torch: str
    """PyTorch's version; empty where ONNX Runtime runs the network."""
    threads: int | None
    """CPU threads; None on a GPU."""
    timings: tuple[TimingResult, ...]
    """One for each batch size that the network takes."""
    onnxruntime: str = ""
    """ONNX Runtime's version, where that runs it."""

    def write(self, path: Path) -> None:
        """Write the times as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_reference_timing(path: Path) -> ReferenceTiming:
    """Read the network's times.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, ReferenceTiming, what="reference timing", tag=FORMAT)
