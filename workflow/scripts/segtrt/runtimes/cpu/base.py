"""What the runtimes that run on a CPU share: what is here, what can be built, what fits."""

from abc import abstractmethod
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from segtrt.machine.facts import Machine, this_machine
from segtrt.precision import Precision
from segtrt.runtimes.base import Availability, BuildResult, BuildSettings, Runtime, Session


class CpuRuntime(Runtime):
    """A runtime that needs nothing but a Python package and a CPU."""

    package: str
    """Its distribution on the package registry."""

    def version(self) -> str | None:
        """Version of the installed package, or None."""
        try:
            return installed_version(self.package)
        except PackageNotFoundError:
            return None

    def availability(self, machine: Machine | None = None) -> Availability:  # noqa: ARG002
        """It can build and run wherever its package is installed."""
        if self.version() is None:
            reason = f"{self.title} is not installed; install the package {self.package}"
            return Availability(False, False, reason)
        return Availability(True, True)

    def unsupported(self, settings: BuildSettings, machine: Machine | None = None) -> str | None:
        """Why such an engine cannot be built on a machine, or None."""
        low, high = settings.dynamic_min, settings.dynamic_max
        if settings.profile == "dynamic" and not low <= settings.batch_size <= high:
            return (
                f"batch size {settings.batch_size} lies outside the dynamic profile {low}..{high}"
            )
        return self.unsupported_precision(settings.precision, machine or this_machine())

    def key_settings(self, settings: BuildSettings) -> dict[str, Any]:
        """Batch size and precision, and the range of batches of a dynamic engine."""
        kept = super().key_settings(settings)
        if settings.profile == "dynamic":
            kept["batches"] = [settings.dynamic_min, settings.dynamic_max]
        return kept

    @abstractmethod
    def unsupported_precision(self, precision: Precision, machine: Machine) -> str | None:
        """Why an engine of that precision cannot be built on that machine, or None."""

    def target(self, machine: Machine | None = None) -> dict[str, Any]:
        """Version of the runtime (`runtime`), CPU model (`cpu`) and its extensions (`isa`)."""
        return {"runtime": self.version(), **(machine or this_machine()).cpu_facts()}

    def requirements(self, target: Mapping[str, Any]) -> list[str]:
        """The runtime's package in the version that built the engine."""
        return [f"{self.package}=={target['runtime']}"]

    def build(
        self,
        graph: Path,
        settings: BuildSettings,
        cache_dir: Path | None,  # noqa: ARG002 - it keeps no cache
    ) -> BuildResult:
        """Build with `build` of the runtime's first build module."""
        result: BuildResult = import_module(self.build_modules[0]).build(graph, settings)
        return result

    def load(
        self,
        engine: Path,
        settings: BuildSettings,
        *,
        threads: int | None = None,
        mode: str = "stream",  # noqa: ARG002 - a CPU has this mode only
    ) -> Session:
        """Load with `load` of the runtime's first run module."""
        session: Session = import_module(self.run_modules[0]).load(engine, settings, threads)
        return session

    def mismatch(self, target: Mapping[str, Any]) -> str | None:
        """Engines bind the runtime's version and the CPU's extensions, not its exact model."""
        here = self.target()
        if target.get("runtime") != here["runtime"]:
            return (
                f"built with {self.title} {target.get('runtime')}, "
                f"this machine has {here['runtime']}"
            )
        built, now = (set(str(t.get("isa", "")).split()) for t in (target, here))
        differences = [
            f"{verb} {' '.join(sorted(names))}"
            for verb, names in (("lacks", built - now), ("has also", now - built))
            if names
        ]
        if differences:
            return f"built for another CPU ({target.get('cpu')}): this one {', '.join(differences)}"
        return None
