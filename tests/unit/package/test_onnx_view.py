"""The ONNX graph with labels and preparation in its metadata: the same graph otherwise."""

import json
from pathlib import Path

import numpy as np
import onnx
import tiny_unet_graphs as graphs
from example_package import SEGMENTATION
from segtrt.package.onnx_view import write_onnx


def test_the_graph_is_the_same_but_for_its_metadata(tmp_path: Path) -> None:
    graph = onnx.load(graphs.write_tiny_unet(tmp_path / "fp32.onnx"))
    onnx.helper.set_model_props(graph, {"author": "someone"})
    before = graph.SerializeToString()
    facts = {"labels": {"tumour": 255}, "segmentation": SEGMENTATION.to_json()}
    write_onnx(graph, facts, tmp_path / "view.onnx")
    assert graph.SerializeToString() == before
    view = onnx.load(tmp_path / "view.onnx")
    onnx.checker.check_model(view, full_check=True)
    found = {entry.key: entry.value for entry in view.metadata_props}
    assert found.pop("author") == "someone"
    assert {name: json.loads(value) for name, value in found.items()} == {
        f"segtrt.{name}": value for name, value in facts.items()
    }
    assert view.graph.SerializeToString() == graph.graph.SerializeToString()
    images = graphs.slices(2)
    assert np.array_equal(
        graphs.run_with_onnxruntime(tmp_path / "view.onnx", images),
        graphs.run_with_onnxruntime(tmp_path / "fp32.onnx", images),
    )
