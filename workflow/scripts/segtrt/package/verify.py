"""Verifying a package where it is to run: is it whole, does it fit, does it answer as proven?"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segtrt.engines.budget import TimingBudget
from segtrt.engines.load import open_engine
from segtrt.engines.timing import measure
from segtrt.engines.timing_file import TimingResult
from segtrt.errors import SegtrtError, name_some
from segtrt.package.golden import Comparison, Golden, compare
from segtrt.package.manifest import Manifest
from segtrt.package.opened import Package, opened_package
from segtrt.runtimes.base import Session
from segtrt.runtimes.registry import all_runtimes, get_runtime

BRIEFLY = TimingBudget(iterations=20, max_seconds=1.0, warmup_max_seconds=0.5)
"""Enough to see whether the engine is about as fast as it was."""


@dataclass(frozen=True)
class Verified:
    """What came of it."""

    package: Package
    comparison: Comparison
    failures: tuple[str, ...]
    """What the answers do not keep of the package's limits; empty if it is verified."""
    timing: TimingResult | None
    """None where the answers are wrong: times of those mean nothing."""
    cores: int | None
    """CPU threads that it ran with, None on a GPU."""

    @property
    def ratio(self) -> float | None:
        """Median latency here over the proven one."""
        if self.timing is None:
            return None
        return self.timing.total.median / self.package.manifest.proven.latency_ms

    def line(self) -> str:
        """The answer in one line."""
        manifest = self.package.manifest
        name = f"{manifest.name} ({manifest.engine})"
        if self.timing is None or self.ratio is None:
            return (
                f"not verified: {name} answers the golden samples with {'; '.join(self.failures)}"
            )
        flips = sum(self.comparison.flipped_pixels)
        text = (
            f"verified: {name} answers {manifest.samples} golden samples as proven ({flips:,} of "
            f"{self.comparison.errors.pixels:,} pixels differ), "
            f"{self.timing.total.median:.3g} ms a batch, {self.ratio:.2f} times the proven "
            f"{manifest.proven.latency_ms:.3g} ms"
        )
        if self.cores and self.cores != manifest.proven.threads:
            text += f" (with {self.cores} threads, proven with {manifest.proven.threads})"
        return text if self.timing.stable else f"{text}; not a steady figure"

    def to_json(self) -> dict[str, Any]:
        """The answer for programs."""
        proven, timing = self.package.manifest.proven, self.timing
        return {
            **_identity(self.package),
            "verified": not self.failures,
            "line": self.line(),
            "failures": list(self.failures),
            "flipped_pixels": list(self.comparison.flipped_pixels),
            "relative_rms": self.comparison.errors.relative_rms,
            "max_abs_error": self.comparison.errors.max_abs_error,
            "latency_ms": timing and timing.total.median,
            "stable": timing and timing.stable,
            "proven_latency_ms": proven.latency_ms,
            "ratio": self.ratio,
            "threads": self.cores,
            "proven_threads": proven.threads,
        }


def _identity(package: Package) -> dict[str, Any]:
    manifest = package.manifest
    return {"name": manifest.name, "engine": manifest.engine, "digest": package.digest}


def verify_package(
    path: Path,
    *,
    threads: int | None = None,
    budget: TimingBudget = BRIEFLY,
    opened: Callable[..., Session] = open_engine,
) -> Verified:
    """Check a package's files, load its engine, run the golden samples and time a batch.

    A function of its makers' own, with which it normalises images, is imported too.

    Args:
        path: the package's folder or zip.
        threads: CPU threads of a CPU engine; None for all cores.
        budget: when the timing ends.
        opened: loads the engine.

    Raises:
        SegtrtError: it is damaged, does not fit this machine, or cannot be loaded; says which of
            the run's other engines would fit.
    """
    with opened_package(path) as package:
        manifest, record = package.manifest, package.record
        check_fit(package)
        # Whoever predicts needs the function as well; a package that is changed has none loaded.
        package.segmentation.preparation.intensity.function()
        samples = package.golden()
        mode = manifest.proven.mode
        with opened(package.engine, record, threads=threads, mode=mode) as session:
            found = compare(session, samples, package.segmentation.decoder)
            failures = tuple(manifest.limits.broken(found.errors))
            timing = None if failures else _time(session, samples, budget)
    on_cpu = get_runtime(record.runtime).device == "cpu"
    return Verified(package, found, failures, timing, _cores(threads) if on_cpu else None)


def _cores(threads: int | None) -> int:
    from segtrt.machine.cpu import available_cores

    return threads or available_cores()


def _time(session: Session, samples: list[Golden], budget: TimingBudget) -> TimingResult:
    size = session.batch_size
    batch = np.concatenate([samples[i % len(samples)].image for i in range(size)])
    return measure(lambda: session.time_batch(batch), batch_size=size, budget=budget)


def check_fit(package: Package) -> None:
    """Refuse an engine that does not run on this machine.

    Raises:
        SegtrtError: says why, what to install, or which engines of the run would run here.
    """
    record, manifest = package.record, package.manifest
    runtime = get_runtime(record.runtime)
    availability = runtime.availability()
    if not availability.can_run:
        needed = " ".join(manifest.requirements)
        raise SegtrtError(
            f"{manifest.engine} cannot run here: {availability.reason} (its card says: pip install "
            f"{needed}){_others(manifest)}"
        )
    mismatch = runtime.mismatch(record.target)
    if mismatch:
        raise SegtrtError(
            f"{manifest.engine} does not fit this machine: {mismatch}{_others(manifest)}"
        )


def _others(manifest: Manifest) -> str:
    """Which engines of the run, among those that passed, would run here."""
    known = all_runtimes()
    fitting = [
        cell.name
        for cell in manifest.cells
        if cell.verdict == "pass"
        and cell.name != manifest.engine
        and cell.target
        and cell.runtime in known
        and known[cell.runtime].availability().can_run
        and known[cell.runtime].mismatch(cell.target) is None
    ]
    if fitting:
        return f"; of its run, {name_some(fitting, 5)} would fit: name one with package.engine"
    return "; no other engine of its run fits either: run the workflow on a machine like this one"
