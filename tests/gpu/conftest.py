"""Tests on an NVIDIA GPU: `python -m pytest tests/gpu`. Without one they are skipped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings, Images, Runtime
from segtrt.runtimes.registry import get_runtime

Build = Callable[..., tuple[Path, BuildSettings]]

PATCH, OUTPUT = (3, 256, 256), (1, 256, 256)
"""What all graphs here take and answer."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder `gpu`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)


def _usable_runtimes() -> dict[str, str]:
    """Name -> why it cannot run here, empty if it can."""
    return {name: get_runtime(name).availability().reason for name in ("tensorrt_rtx", "tensorrt")}


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """The TensorRT that can run here, TensorRT-RTX first."""
    reasons = _usable_runtimes()
    for name in reasons:
        if get_runtime(name).availability().can_run:
            return get_runtime(name)
    pytest.skip("; ".join(reasons.values()))


@pytest.fixture
def build(runtime: Runtime, tmp_path: Path) -> Build:
    """Build an engine file from a graph: `build(graph, batch_size=4, ...)`."""

    def build_file(graph: Path, **settings: object) -> tuple[Path, BuildSettings]:
        usual = {"batch_size": 4, "precision": Precision.FP32, "patch": PATCH, "output": OUTPUT}
        wanted = BuildSettings(**{**usual, **settings})  # type: ignore[arg-type]
        folder = tmp_path / f"engine_{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        engine = folder / "engine.bin"
        engine.write_bytes(runtime.build(graph, wanted, tmp_path / "cache").engine)
        return engine, wanted

    return build_file


@pytest.fixture(scope="session")
def images() -> Images:
    """Eight images of noise, (8, 3, 256, 256) float32."""
    return np.random.default_rng(1).standard_normal((8, *PATCH), dtype=np.float32)
