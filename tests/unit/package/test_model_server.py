"""OpenVINO Model Server's folder: what the server reads of it, done by OpenVINO itself."""

import json
import re
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import tiny_unet_graphs as graphs
from segtrt.package.model_server import write_model_server
from segtrt.package.served import describe_model, read_graph
from segtrt.precision import Precision
from segtrt.runtimes.registry import get_runtime


@pytest.mark.parametrize(("batch", "range_of_batches"), [(1, "1"), (4, "1:4")])
def test_the_model_compiles_as_the_configuration_says(
    tmp_path: Path, batch: int, range_of_batches: str
) -> None:
    settings = graphs.unet_settings(batch, Precision.FP32)
    graph = graphs.write_tiny_unet(tmp_path / "fp32.onnx")
    write_model_server(
        tmp_path / "server",
        "brain",
        graph,
        serving=get_runtime("openvino").serving(settings),
        served=describe_model(read_graph(graph), settings, takes_engine=False),
    )
    ((entry,),) = json.loads((tmp_path / "server/config.json").read_text()).values()
    config = entry["config"]
    assert config["name"] == "brain"
    assert config["shape"] == {"input": f"({range_of_batches},3,256,256)"}
    # The base path is relative to the file, and holds versions.
    model = ov.Core().read_model(tmp_path / "server" / config["base_path"] / "1/model.onnx")
    sides = [
        ov.Dimension(*map(int, side.split(":")))
        for side in re.findall(r"[\d:]+", config["shape"]["input"])
    ]
    model.reshape({"input": ov.PartialShape(sides)})
    compiled = ov.Core().compile_model(model, config["target_device"], config["plugin_config"])
    images = graphs.slices(batch)
    found = compiled(images)[0]
    assert np.allclose(found, graphs.run_with_onnxruntime(graph, images), atol=1e-4)
