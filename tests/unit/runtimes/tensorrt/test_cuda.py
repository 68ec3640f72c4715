"""CUDA's early start, with a driver of plain Python."""

import ctypes
from types import SimpleNamespace

import pytest
from segtrt.runtimes.tensorrt.cuda import EarlyStart


def driver(calls: list[str], fails: str = "") -> SimpleNamespace:
    """CUDA's driver library; `fails` names the call that fails."""

    def answer(name: str):
        def call(*_arguments: object) -> int:
            calls.append(name)
            return 1 if name == fails else 0

        return call

    names = ("cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2")
    return SimpleNamespace(**{name: answer(name) for name in names})


def test_context_is_retained_and_released_once(monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: driver(calls))
    early = EarlyStart()
    early.join()
    assert calls == ["cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain"]
    early.hand_over()
    early.hand_over()
    assert calls[3:] == ["cuDevicePrimaryCtxRelease_v2"]


@pytest.mark.parametrize("fails", ["cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain"])
def test_what_fails_is_left_to_who_needs_cuda(monkeypatch: pytest.MonkeyPatch, fails: str):
    calls: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: driver(calls, fails))
    early = EarlyStart()
    early.join()
    early.hand_over()
    assert calls[-1] == fails


def test_no_driver_is_no_fault(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    early = EarlyStart()
    early.join()
    early.hand_over()
