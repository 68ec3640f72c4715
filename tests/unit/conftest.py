"""Fixtures of the unit tests."""

from pathlib import Path

import pytest
import tiny_unet_graphs as graphs


@pytest.fixture(scope="session")
def tiny_graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small U-shaped network as ONNX graphs: precision -> file."""
    folder = tmp_path_factory.mktemp("graphs")
    fp32 = graphs.write_tiny_unet(folder / "fp32.onnx")
    return {
        "fp32": fp32,
        "int8": graphs.write_int8(fp32, folder / "int8.onnx"),
        "bf16": graphs.write_bf16(fp32, folder / "bf16.onnx"),
    }
