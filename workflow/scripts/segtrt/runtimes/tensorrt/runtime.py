"""TensorRT, two runtimes on one code path: `tensorrt` 10 and 11, and `tensorrt_rtx`.

Networks are strongly typed in all of them: precision is what the ONNX graph says, and TF32 the one
flag. TensorRT-RTX also builds engines for GPUs that are not here and compiles their kernels when an
engine is loaded.
"""

import importlib
import importlib.metadata
import importlib.util
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.machine.facts import Machine, this_machine
from segtrt.precision import Graph, Precision
from segtrt.runtimes.base import (
    Availability,
    BuildResult,
    BuildSettings,
    Colour,
    Runtime,
    Serving,
    Session,
    UnsupportedError,
)

logger = logging.getLogger(__name__)

_PACKAGE_SUFFIXES = ("", "_cu13", "_cu12", "_cu13_bindings", "_cu12_bindings")

_NEEDED_CAPABILITY = {
    Precision.TF32: (8, 0),
    Precision.BF16: (8, 0),
    Precision.FP8: (8, 9),
}
"""Oldest GPU with the precision's tensor cores; source: TensorRT's support matrix."""


class TensorRT(Runtime):
    """TensorRT; its name in the config is that of its Python module."""

    name = "tensorrt"
    title = "TensorRT"
    extra = "tensorrt"
    """The extra of this project that installs it."""
    packages = ("onnx",)
    colour = Colour("#3f7d1e", "#8fd06a")
    auto_rank = 10
    device = "gpu"
    has_profiles = True
    is_rtx = False
    build_modules = ("segtrt.runtimes.tensorrt.build",)
    run_modules = ("segtrt.runtimes.tensorrt.session",)

    def graph(self, precision: Precision) -> Graph:
        """INT8 needs zero points of 0, so activations are signed."""
        return Graph.INT8_SIGNED if precision is Precision.INT8 else super().graph(precision)

    def key_settings(self, settings: BuildSettings) -> dict[str, Any]:
        """Every setting but the dynamic profile of a static engine and targets it cannot have."""
        kept = asdict(settings) | super().key_settings(settings)
        del kept["patch"], kept["output"]
        if settings.profile == "static":
            for name in ("dynamic_min", "dynamic_opt", "dynamic_max"):
                del kept[name]
        capabilities = kept.pop("compute_capabilities")
        return kept | ({"compute_capabilities": list(capabilities)} if self.is_rtx else {})

    def version(self) -> str | None:
        """See `Runtime.version`."""
        return _installed_version(self.name)

    def availability(self, machine: Machine | None = None) -> Availability:
        """See `Runtime.availability`.

        Building without a GPU is TensorRT-RTX's alone, and needs the GPUs to build for.
        """
        if importlib.util.find_spec(self.name) is None:
            reason = f"{self.title} is not installed; pip install -e '.[{self.extra}]'"
            return Availability(can_build=False, can_run=False, reason=reason)
        if (machine or this_machine()).gpu is None:
            reason = "no NVIDIA GPU with a driver"
            if self.is_rtx:
                reason += "; engines are built for engines.compute_capabilities and not run"
            return Availability(can_build=self.is_rtx, can_run=False, reason=reason)
        if importlib.util.find_spec("pycuda") is None:
            reason = "PyCUDA is not installed; docs/gpu.md says how"
            return Availability(can_build=True, can_run=False, reason=reason)
        return Availability(can_build=True, can_run=True)

    def unsupported(self, settings: BuildSettings, machine: Machine | None = None) -> str | None:
        """See `Runtime.unsupported`."""
        machine = machine or this_machine()
        state = self.availability(machine)
        if not state.can_build:
            return state.reason
        if settings.compute_capabilities and not self.is_rtx:
            return (
                f"{self.title} builds for the machine's own GPU only; leave "
                "engines.compute_capabilities empty or use tensorrt_rtx"
            )
        capabilities = settings.compute_capabilities
        if not capabilities:
            if machine.gpu is None:
                return (
                    "no NVIDIA GPU and engines.compute_capabilities is empty; list the GPUs to "
                    'build for, e.g. ["8.6", "8.9", "12.0"]'
                )
            capabilities = (machine.gpu.compute_capability,)
        return too_old_gpu(settings.precision, capabilities) or _bad_profile(settings)

    def target(self, machine: Machine | None = None) -> dict[str, Any]:
        """Version (`runtime`) and, if there is a GPU, its model, driver and CUDA version."""
        return {"runtime": self.version(), **(machine or this_machine()).gpu_facts()}

    def mismatch(self, target: Mapping[str, Any]) -> str | None:
        """Engines bind the exact version, and TensorRT's own (not RTX's) the GPU model too."""
        here = self.target()
        if target.get("runtime") != here["runtime"]:
            return (
                f"built with {self.title} {target.get('runtime')}, "
                f"this machine has {here['runtime']}"
            )
        if not self.is_rtx and target.get("gpu") != here.get("gpu"):
            return f"built for {target.get('gpu')}, the GPU here is {here.get('gpu', 'none')}"
        return None

    def build(self, graph: Path, settings: BuildSettings, cache_dir: Path | None) -> BuildResult:
        """See `Runtime.build`."""
        reason = self.unsupported(settings)
        if reason is not None:
            raise UnsupportedError(reason)
        # Imported here, as in `load`: asking a runtime what it can do must be quick.
        from segtrt.runtimes.tensorrt.build import BuildPlace, build
        from segtrt.runtimes.tensorrt.timing_cache import cache_path

        timing_cache = None
        if cache_dir is not None and not self.is_rtx:
            timing_cache = cache_path(cache_dir, self.name, self.target())
        place = BuildPlace(
            trt=self._module(),
            title=f"{self.title} {self.version()}",
            is_rtx=self.is_rtx,
            timing_cache=timing_cache,
            has_gpu=this_machine().gpu is not None,
        )
        return build(place, graph, settings)

    def load(
        self,
        engine: Path,
        settings: BuildSettings,
        *,
        threads: int | None = None,
        mode: str = "stream",
    ) -> Session:
        """See `Runtime.load`; `threads` has no meaning here."""
        from segtrt.runtimes.tensorrt.cuda import start_cuda

        del threads
        start_cuda()
        from segtrt.runtimes.tensorrt.session import MODES, TensorRTSession

        if mode not in MODES:
            raise SegtrtError(
                f"inference.mode {mode} is unknown to {self.title}; {', '.join(MODES)} "
                "were expected"
            )
        state = self.availability()
        if not state.can_run:
            raise SegtrtError(f"engine {engine} cannot run here: {state.reason}")
        return TensorRTSession(self._module, engine, settings, mode)

    def serving(self, settings: BuildSettings) -> Serving:  # noqa: ARG002 - all alike
        """Triton loads the engine itself; TensorRT for RTX has no backend there."""
        if self.is_rtx:
            return Serving(refusal="Triton has no backend for TensorRT for RTX")
        return Serving("model.plan", takes_engine=True, triton={"platform": "tensorrt_plan"})

    def requirements(self, target: Mapping[str, Any]) -> list[str]:
        """The library in the version that built the engine, and CUDA for Python."""
        name = self.name.replace("_", "-")
        return [f"{name}-cu13=={target['runtime']}", "pycuda", "cuda-bindings", "nvidia-ml-py"]

    def first_start(self, engine: Path, settings: BuildSettings) -> dict[str, float]:
        """See `Runtime.first_start`; TensorRT-RTX compiles kernels for seconds then."""
        from segtrt.runtimes.tensorrt.lane import NoContextError

        engine.with_suffix(".runtime_cache").unlink(missing_ok=True)
        if not self.availability().can_run:
            return {}
        try:
            with self.load(engine, settings) as session:
                return dict(session.load_stages_ms)
        except SegtrtError as error:
            if isinstance(error, NoContextError):
                raise UnsupportedError(str(error)) from None
            if settings.compute_capabilities:
                logger.info("not started: it is meant for other GPUs (%s)", error)
                return {}
            raise

    def _module(self) -> Any:
        """The module `tensorrt` or `tensorrt_rtx`."""
        try:
            return importlib.import_module(self.name)
        except (ImportError, OSError) as error:
            raise SegtrtError(
                f"{self.title} is installed but cannot be imported ({error}); reinstall it"
            ) from None


class TensorRTForRTX(TensorRT):
    """TensorRT for RTX: builds ahead of time for other GPUs, compiles kernels when it loads."""

    name = "tensorrt_rtx"
    title = "TensorRT-RTX"
    extra = "tensorrt-rtx"
    colour = Colour("#8b3fb5", "#d29bf5")
    auto_rank = 20
    is_rtx = True


RUNTIMES = (TensorRT(), TensorRTForRTX())


def too_old_gpu(precision: Precision, capabilities: Iterable[str]) -> str | None:
    """Why `precision` does not go with GPUs of these compute capabilities, or None if it does."""
    needed = _NEEDED_CAPABILITY.get(precision)
    if needed is None:
        return None
    old = [text for text in capabilities if tuple(map(int, text.split("."))) < needed]
    if not old:
        return None
    return (
        f"{precision} needs a GPU of compute capability {needed[0]}.{needed[1]} or newer, "
        f"not {', '.join(old)}"
    )


def _bad_profile(settings: BuildSettings) -> str | None:
    """Why the dynamic profile makes no sense, or None."""
    low, high = settings.dynamic_min, settings.dynamic_max
    if settings.profile != "dynamic":
        return None
    if not low <= settings.dynamic_opt <= high:
        return (
            f"engines.dynamic_batch has min {low}, opt {settings.dynamic_opt}, max {high}; "
            "min <= opt <= max was expected"
        )
    if not low <= settings.batch_size <= high:
        return f"batch {settings.batch_size} lies outside the dynamic profile ({low} to {high})"
    return None


@cache
def _installed_version(module: str) -> str | None:
    for suffix in _PACKAGE_SUFFIXES:
        try:
            return importlib.metadata.version(module + suffix)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
