"""An engine on the CPU: loading, padding, timing, memory."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.runtimes.base import BatchTiming, BuildSettings, Images, Outputs, Session
from segtrt.runtimes.cpu.messages import last_line

Infer = Callable[[Images], Outputs]
"""Runs one batch of the engine's own size."""


def process_mib() -> float:
    """Resident memory of this process, in MiB."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


class CpuSession(Session):
    """An engine on the CPU, behind one function that runs a batch."""

    def __init__(self, settings: BuildSettings, read_back: Callable[[], Infer]) -> None:
        """Load the engine through `read_back` and run it once on zeros."""
        self.batch_size = settings.batch_size
        self._smallest = (
            settings.dynamic_min if settings.profile == "dynamic" else settings.batch_size
        )
        before_mib = process_mib()
        begin = time.perf_counter_ns()
        self._infer: Infer | None = read_back()
        loaded = time.perf_counter_ns()
        self._infer(np.zeros((self.batch_size, *settings.patch), np.float32))
        ready = time.perf_counter_ns()
        self.load_stages_ms = {
            "read_back": (loaded - begin) / 1e6,
            "first_run": (ready - loaded) / 1e6,
        }
        self._memory_mib = max(0.0, process_mib() - before_mib)

    def run(self, images: Images) -> Outputs:
        """Run up to `batch_size` images; a batch below the engine's smallest is filled with zeros.

        Args:
            images: (n, channels, *size) float32.

        Returns:
            (n, classes, *output size) float32, the caller's own.
        """
        count = len(images)
        if not 1 <= count <= self.batch_size:
            raise ValueError(f"{count} images for an engine of batch size {self.batch_size}")
        if count < self._smallest:
            filler = np.zeros((self._smallest - count, *images.shape[1:]), np.float32)
            images = np.concatenate([images, filler])
        return np.array(self._function()(images)[:count], np.float32)

    def time_batch(self, images: Images) -> BatchTiming:
        """Run one full batch under `time.perf_counter_ns`; there are no copies to a device."""
        if len(images) != self.batch_size:
            raise ValueError(f"{len(images)} images instead of a full batch of {self.batch_size}")
        infer = self._function()
        begin = time.perf_counter_ns()
        infer(images)
        return BatchTiming(run_ms=(time.perf_counter_ns() - begin) / 1e6)

    def memory_mib(self) -> float | None:
        """Growth of the process by loading and the first run, in MiB."""
        return self._memory_mib

    def close(self) -> None:
        """Free the engine; calling it again does nothing."""
        self._infer = None

    def _function(self) -> Infer:
        if self._infer is None:
            raise ValueError("the session is closed")
        return self._infer


def open_session(
    title: str, engine: Path, settings: BuildSettings, read_back: Callable[[], Infer]
) -> CpuSession:
    """A session, or one line in place of whatever the runtime throws at a bad engine.

    Raises:
        SegtrtError: the runtime cannot read the engine.
    """
    try:
        return CpuSession(settings, read_back)
    except Exception as error:
        raise SegtrtError(
            f"{title} cannot read engine {engine} ({last_line(error)}); delete it and run the "
            "workflow again to rebuild just this engine"
        ) from error
