import sys
from types import SimpleNamespace

import pytest
from segtrt.machine import gpu

POWER_CAP, IDLE = 0x4, 0x1


class FakeNvmlError(Exception):
    pass


def fake_nvml(**changes: object) -> SimpleNamespace:
    """NVML with one H100; each function may be replaced."""

    def refuse(*_arguments: object) -> None:
        raise FakeNvmlError

    answers = {
        "NVMLError": FakeNvmlError,
        "NVML_CLOCK_SM": 1,
        "NVML_CLOCK_MEM": 2,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetHandleByIndex": lambda index: ("index", index) if index < 2 else refuse(),
        "nvmlDeviceGetHandleByUUID": lambda uuid: ("uuid", uuid),
        "nvmlDeviceGetCudaComputeCapability": lambda _handle: (9, 0),
        "nvmlSystemGetCudaDriverVersion_v2": lambda: 13010,
        "nvmlSystemGetDriverVersion": lambda: b"580.159.04",
        "nvmlDeviceGetName": lambda handle: f"NVIDIA H100 {handle[1]}",
        "nvmlDeviceGetMemoryInfo": lambda _handle: SimpleNamespace(total=80 << 30, used=3 << 30),
        "nvmlDeviceGetPowerUsage": lambda _handle: 350_500,
        "nvmlDeviceGetEnforcedPowerLimit": lambda _handle: 700_000,
        "nvmlDeviceGetUtilizationRates": lambda _handle: SimpleNamespace(gpu=97),
        "nvmlDeviceGetClockInfo": lambda _handle, kind: {1: 1980, 2: 2619}[kind],
        "nvmlDeviceGetTemperature": lambda _handle, _kind: 55,
        "nvmlDeviceGetCurrentClocksEventReasons": lambda _handle: IDLE,
    }
    for name in gpu._SLOWDOWN_REASONS:
        answers[f"nvmlClocksEventReason{name}"] = 0x80
    answers["nvmlClocksEventReasonSwPowerCap"] = POWER_CAP
    for name, change in changes.items():
        answers[name] = change or refuse
    return SimpleNamespace(**answers)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "_has_driver", lambda: True)
    gpu.facts.cache_clear()
    yield
    gpu.facts.cache_clear()


def test_facts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    assert gpu.facts() == gpu.GpuFacts("NVIDIA H100 0", "9.0", "580.159.04", "13.1", 80 << 10)


def test_a_gpu_without_cudas_driver_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    monkeypatch.setattr(gpu, "_has_driver", lambda: False)
    assert gpu.facts() is None


def test_snapshot(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    state = gpu.snapshot()
    assert state is not None
    assert state.to_json() == {
        "sm_clock_mhz": 1980,
        "memory_clock_mhz": 2619,
        "temperature_c": 55,
        "power_w": 350.5,
        "power_limit_w": 700.0,
        "memory_used_mib": 3072,
        "utilisation_percent": 97,
        "slowdown": [],
    }


def test_what_nvml_does_not_tell_is_none(monkeypatch: pytest.MonkeyPatch):
    nvml = fake_nvml(
        nvmlDeviceGetPowerUsage=None,
        nvmlDeviceGetTemperature=None,
        nvmlDeviceGetCurrentClocksEventReasons=None,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    state = gpu.snapshot()
    assert state is not None
    assert (state.power_w, state.temperature_c, state.slowdown) == (None, None, ())


def test_clocks_held_down_before_or_after_make_a_timing_doubtful(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    free = gpu.snapshot()
    capped_nvml = fake_nvml(nvmlDeviceGetCurrentClocksEventReasons=lambda _handle: POWER_CAP | IDLE)
    monkeypatch.setitem(sys.modules, "pynvml", capped_nvml)
    capped = gpu.snapshot()
    assert gpu.slowdown_between(free, free) == ""
    assert gpu.slowdown_between(None, None) == ""
    assert gpu.slowdown_between(free, capped) == (
        "the GPU's clocks were held down: power limit reached"
    )


@pytest.mark.parametrize(
    ("visible", "name"),
    [("1", "NVIDIA H100 1"), ("GPU-abc,0", "NVIDIA H100 GPU-abc"), ("", None), ("-1", None)],
)
def test_cuda_visible_devices_says_which_gpu(
    monkeypatch: pytest.MonkeyPatch, visible: str, name: str | None
):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    facts = gpu.facts()
    assert (facts and facts.name) == name


def test_no_driver_is_no_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(nvmlInit=None))
    assert gpu.facts() is None
    assert gpu.snapshot() is None


def test_no_binding_is_no_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu.facts() is None
    assert gpu.snapshot() is None
