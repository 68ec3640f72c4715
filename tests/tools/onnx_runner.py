"""ONNX's own test runner on folders as the workflow writes them."""

import io
import unittest
from pathlib import Path

import pytest


def run_onnx_tests(folder: Path, monkeypatch: pytest.MonkeyPatch) -> unittest.TestResult:
    """Let ONNX's test runner check the one model below `folder/real` with ONNX Runtime."""
    import onnxruntime.backend
    from onnx.backend.test import runner
    from onnx.backend.test.loader import load_model_tests

    cases = load_model_tests(data_dir=str(folder), kind="real")
    assert len(cases) == 1
    monkeypatch.setattr(
        runner, "load_model_tests", lambda kind: cases if kind == cases[0].kind else []
    )
    suite = runner.Runner(onnxruntime.backend, __name__).include("cpu").test_suite
    assert suite.countTestCases() > 0
    return unittest.TextTestRunner(io.StringIO()).run(suite)
