"""What a runtime answers: what it is, is it here, which precisions, build, load, run, time.

A runtime is a folder beside this module; nothing outside it knows which runtime it is talking to.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from segtrt.arrays import Images, Outputs
from segtrt.machine.facts import Machine
from segtrt.precision import Graph, Precision
from segtrt.runtimes.description import BatchTiming, BuildSettings, Layer
from segtrt.runtimes.serving import Serving

__all__ = [
    "Availability",
    "BatchTiming",
    "BuildResult",
    "BuildSettings",
    "Colour",
    "Images",
    "Layer",
    "Outputs",
    "Runtime",
    "Serving",
    "Session",
    "UnsupportedError",
]


@dataclass(frozen=True)
class Colour:
    """A colour of the report: `#rrggbb` on a light and on a dark page."""

    light: str
    dark: str


@dataclass(frozen=True)
class Availability:
    """Whether a runtime can be used here."""

    can_build: bool
    can_run: bool
    reason: str = ""
    """One line: why not, if either is False."""


@dataclass(frozen=True)
class BuildResult:
    """A built engine."""

    engine: bytes
    layers: list[Layer]
    notes: list[str] = field(default_factory=list)
    """One line each: what a reader of the record should know."""


class UnsupportedError(Exception):
    """The runtime, its version or this device cannot do what was asked; one line says why."""


class Session(ABC):
    """An engine that is loaded and ready. Use it as a context manager: leaving frees everything."""

    batch_size: int
    """The batch size that `time_batch` runs, and the largest one that `run` hands over at once."""

    load_stages_ms: Mapping[str, float]
    """Start-up in stages, e.g. `{"read_back": 1400.0, "first_run": 12.0}`, in the order done."""

    warm: bool | None = None
    """Whether kernels compiled by an earlier start were found; None if nothing is compiled."""

    mode: str = "stream"
    """`stream`, `graph` or `overlapped`: how it really runs. A CPU has `stream` only."""

    @abstractmethod
    def run(self, images: Images) -> Outputs:
        """Run `images`, (n, channels, *size) with n from 1 to `batch_size`.

        Returns (n, classes, *output size), the caller's own. A static engine pads a smaller batch
        and cuts the result.
        """

    def run_batches(self, batches: Iterable[Images]) -> Iterator[Outputs]:
        """Run batch after batch, each as for `run`, and yield the results in order.

        A session that can overlap one batch's copies with another's run does so here.
        """
        for images in batches:
            yield self.run(images)

    @abstractmethod
    def time_batch(self, images: Images) -> BatchTiming:
        """Run one full batch, (batch_size, channels, *size), under the device's own clock."""

    @abstractmethod
    def memory_mib(self) -> float | None:
        """Device memory that the engine holds (GPU), or growth of the process (CPU), in MiB."""

    @abstractmethod
    def close(self) -> None:
        """Free everything; calling it again does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Runtime(ABC):
    """One inference runtime.

    Questions about a machine are about this one if none is named. Another machine is known by its
    description; its packages are those of this environment, which all machines of a run share.
    """

    name: str
    """As in the config, e.g. `onnxruntime`; its environment is `envs/{name}.yaml`."""

    title: str
    """Its name as its makers write it."""

    colour: Colour
    """Its colour in charts."""

    packages: tuple[str, ...] = ()
    """Packages whose version decides what it builds, beside its own, which is in its target."""

    auto_rank: int | None = None
    """Its place among the runtimes that `auto` tries, the lowest first; None: it is not tried."""

    device: str = "cpu"
    """`cpu` or `gpu`: what its engines run on, and so which resource a job asks for."""

    has_profiles: bool = False
    """Whether its engines are tuned to a profile of batch sizes, so that a wide one has a price."""

    build_modules: tuple[str, ...]
    """Modules of this package, each with all it imports, that decide what an engine is."""

    run_modules: tuple[str, ...]
    """Modules of this package, each with all it imports, that decide what an engine gives."""

    @property
    def auto_precisions(self) -> tuple[Precision, ...]:
        """What `precisions: auto` takes, as far as a machine can do it: the usual of its device."""
        short = Precision.FP16 if self.device == "gpu" else Precision.BF16
        return (Precision.FP32, short, Precision.INT8)

    def graph(self, precision: Precision) -> Graph:
        """The ONNX graph that an engine of this precision is built from."""
        return precision.graph

    def key_settings(self, settings: BuildSettings) -> dict[str, Any]:
        """The settings that make a difference to this runtime's engines; JSON values only."""
        return {"batch_size": settings.batch_size, "precision": str(settings.precision)}

    @abstractmethod
    def version(self) -> str | None:
        """Version of the installed runtime from package metadata, or None."""

    @abstractmethod
    def availability(self, machine: Machine | None = None) -> Availability:
        """Whether engines can be built and run on a machine; fast, imports nothing heavy."""

    @abstractmethod
    def unsupported(self, settings: BuildSettings, machine: Machine | None = None) -> str | None:
        """Why such an engine cannot be built on a machine, or None; known without building."""

    @abstractmethod
    def target(self, machine: Machine | None = None) -> dict[str, Any]:
        """The device and versions that an engine built there depends on; flat, JSON values only."""

    def mismatch(self, target: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - for overriding
        """Why an engine built for `target` must not be loaded here, or None; in one line.

        None leaves it to the runtime, which checks engines of its own as it reads them.
        """
        return None

    @abstractmethod
    def build(self, graph: Path, settings: BuildSettings, cache_dir: Path | None) -> BuildResult:
        """Build an engine from the ONNX graph at `graph`.

        Args:
            graph: ONNX file of the graph that `Runtime.graph` names.
            settings: how to build it.
            cache_dir: folder for caches of this machine (timing cache), or None for none.

        Raises:
            UnsupportedError: the runtime or device cannot do it.
            SegtrtError: the graph is not one it can read.
        """

    def serving(self, settings: BuildSettings) -> Serving:  # noqa: ARG002 - for overriding
        """How inference servers take such an engine."""
        return Serving(refusal=f"no server is known to take engines of {self.title}")

    def requirements(self, target: Mapping[str, Any]) -> list[str]:  # noqa: ARG002 - for overriding
        """Packages that running an engine built for `target` takes, e.g. `onnxruntime==1.31.1`."""
        return []

    def first_start(self, engine: Path, settings: BuildSettings) -> dict[str, float]:
        """Start an engine that was just built, where its first start differs from later ones.

        Args:
            engine: the engine file; caches of what the start compiled are left beside it.
            settings: what it was built with.

        Returns:
            The start in stages, in milliseconds (`Session.load_stages_ms`); empty if this runtime's
            first start is like any other, or the engine is not meant for this machine.

        Raises:
            UnsupportedError: the device cannot run the engine after all.
        """
        del engine, settings
        return {}

    @abstractmethod
    def load(
        self,
        engine: Path,
        settings: BuildSettings,
        *,
        threads: int | None = None,
        mode: str = "stream",
    ) -> Session:
        """Load an engine file whose hash the caller has checked.

        Args:
            engine: the engine file.
            settings: what it was built with.
            threads: CPU threads (CPU runtimes), None for all cores.
            mode: `stream`, `graph` or `overlapped` (GPU runtimes; a CPU runtime has `stream` only).

        Raises:
            SegtrtError: the engine does not fit this machine or version.
        """
