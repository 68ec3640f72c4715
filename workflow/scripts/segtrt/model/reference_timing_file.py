"""The file of the network's own times."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segtrt.engines.timing_file import TimingResult
from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.precision import Precision
from segtrt.quality.scores import Errors

FORMAT = "segtrt-reference-timing-2"


@dataclass(frozen=True)
class Baseline:
    """Another way of PyTorch to run the network: its times, and what its answers are worth."""

    name: str
    """`eager bf16`, `compiled fp32` and the like."""
    precision: Precision
    form: str
    """How it ran, e.g. `weights in bf16, channels last`; empty if it did not."""
    reason: str
    """Why it was not timed; empty if it was."""
    errors: Errors | None
    """Of its answers, against PyTorch's own in float32, on an even sample of patches; flipped
    pixels are those of the outputs' own grid."""
    timings: tuple[TimingResult, ...]
    """One for each batch size that the network takes."""


@dataclass(frozen=True)
class ReferenceTiming:
    """The network's times: in float32 by PyTorch in eager mode or by ONNX Runtime, and others."""

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
    baselines: tuple[Baseline, ...] = ()
    """Other ways of PyTorch; none where ONNX Runtime runs the network."""

    def write(self, path: Path) -> None:
        """Write the times as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_reference_timing(path: Path) -> ReferenceTiming:
    """Read the network's times.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, ReferenceTiming, what="reference timing", tag=FORMAT)
