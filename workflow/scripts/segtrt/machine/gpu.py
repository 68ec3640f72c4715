"""What NVML tells about the NVIDIA GPU here: its facts, and its state before and after a timing.

Source: NVIDIA Management Library API, https://docs.nvidia.com/deploy/nvml-api. Without a GPU or a
driver every function answers at once.
"""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

_SLOWDOWN_REASONS = {
    "SwPowerCap": "power limit reached",
    "HwSlowdown": "hardware slowdown",
    "SyncBoost": "synchronised with a slower GPU",
    "SwThermalSlowdown": "too hot (driver)",
    "HwThermalSlowdown": "too hot (hardware)",
    "HwPowerBrakeSlowdown": "power brake",
}
"""NVML's `nvmlClocksEventReason...` bits that mean a slower GPU than it could be, in words."""


@dataclass(frozen=True)
class GpuFacts:
    """What a GPU is; it stays the same between two runs on one machine."""

    name: str
    compute_capability: str
    """E.g. `9.0`."""
    driver: str
    cuda: str
    """Newest CUDA version that the driver serves, e.g. `13.0`."""
    memory_mib: int


@dataclass(frozen=True)
class GpuState:
    """How a GPU is doing at one moment; None where NVML does not tell."""

    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    temperature_c: int | None
    power_w: float | None
    power_limit_w: float | None
    memory_used_mib: int | None
    """By all processes together."""
    utilisation_percent: int | None
    slowdown: tuple[str, ...]
    """Why the GPU's clocks are held down, in words; empty if they are not."""

    def to_json(self) -> dict[str, Any]:
        """The state as JSON values."""
        return {**asdict(self), "slowdown": list(self.slowdown)}


@cache
def facts() -> GpuFacts | None:
    """Facts of the GPU that CUDA uses first, or None if there is no GPU or no driver for it.

    Asked once in a process.
    """
    with _device() as (nvml, handle):
        if handle is None or not _has_driver():
            return None
        major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
        cuda = nvml.nvmlSystemGetCudaDriverVersion_v2()
        return GpuFacts(
            name=_text(nvml.nvmlDeviceGetName(handle)),
            compute_capability=f"{major}.{minor}",
            driver=_text(nvml.nvmlSystemGetDriverVersion()),
            cuda=f"{cuda // 1000}.{cuda % 1000 // 10}",
            memory_mib=nvml.nvmlDeviceGetMemoryInfo(handle).total >> 20,
        )


def snapshot() -> GpuState | None:
    """State of the GPU that CUDA uses first, or None if there is no GPU or no driver."""
    with _device() as (nvml, handle):
        if handle is None:
            return None

        def ask(question: Callable[..., Any], *arguments: Any) -> Any:
            """The answer, or None: many GPUs leave some questions open."""
            try:
                return question(handle, *arguments)
            except nvml.NVMLError:
                return None

        power = ask(nvml.nvmlDeviceGetPowerUsage)
        limit = ask(nvml.nvmlDeviceGetEnforcedPowerLimit)
        memory = ask(nvml.nvmlDeviceGetMemoryInfo)
        utilisation = ask(nvml.nvmlDeviceGetUtilizationRates)
        reasons = ask(nvml.nvmlDeviceGetCurrentClocksEventReasons) or 0
        return GpuState(
            sm_clock_mhz=ask(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM),
            memory_clock_mhz=ask(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_MEM),
            temperature_c=ask(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
            power_w=None if power is None else power / 1000,
            power_limit_w=None if limit is None else limit / 1000,
            memory_used_mib=None if memory is None else memory.used >> 20,
            utilisation_percent=None if utilisation is None else utilisation.gpu,
            slowdown=tuple(
                words
                for reason, words in _SLOWDOWN_REASONS.items()
                if reasons & _reason_bit(nvml, reason)
            ),
        )


def slowdown_between(before: GpuState | None, after: GpuState | None) -> str:
    """Why a timing between two snapshots is not to be trusted, in one line; empty if it is."""
    words = {word for state in (before, after) if state for word in state.slowdown}
    return f"the GPU's clocks were held down: {', '.join(sorted(words))}" if words else ""


def _has_driver() -> bool:
    """Whether CUDA's driver library is here: NVML alone, as in some containers, is not enough."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@contextmanager
def _device() -> Iterator[tuple[Any, Any]]:
    """NVML's module and the handle of CUDA's first GPU; (None, None) if there is none."""
    try:
        import pynvml
    except ImportError:
        yield None, None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None, None
        return
    try:
        yield pynvml, _first_visible(pynvml)
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _first_visible(nvml: Any) -> Any:
    """Handle of the GPU that CUDA_VISIBLE_DEVICES puts first, or None if it hides them all.

    An index is taken as NVML's (order of the PCI bus); a name is the start of a GPU's UUID.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = "0" if visible is None else visible.split(",")[0].strip()
    try:
        if first.isdigit():
            return nvml.nvmlDeviceGetHandleByIndex(int(first))
        if first.startswith(("GPU-", "MIG-")):
            return nvml.nvmlDeviceGetHandleByUUID(first)
    except nvml.NVMLError:
        return None
    return None


def _reason_bit(nvml: Any, reason: str) -> int:
    return int(getattr(nvml, f"nvmlClocksEventReason{reason}"))


def _text(value: str | bytes) -> str:
    """NVML's Python binding answers bytes in old versions and text in new ones."""
    return value.decode() if isinstance(value, bytes) else value
