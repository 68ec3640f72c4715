"""Graphs as files."""

import numpy as np
import onnx
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import clean_graph, raise_opset, read_graph, write_graph
from small_graph import images, run, small_graph


def test_missing_file_is_one_line(tmp_path):
    with pytest.raises(SegtrtError, match="does not exist"):
        read_graph(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"not a model"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(SegtrtError, match=r"model\.onnx"):
        read_graph(path)


def test_traces_of_the_exporter_go(tmp_path):
    model = read_graph(small_graph(tmp_path / "a.onnx"))
    model.doc_string = "made in /home/someone"
    model.graph.doc_string = "made in /home/someone"
    model.producer_version = "9.9+cpu"
    for holder in (model.graph, model.graph.node[0], model.graph.input[0]):
        holder.metadata_props.add(key="trace", value="/home/someone/unet.py, line 3")
    model.graph.initializer[0].doc_string = "/home/someone"
    clean_graph(model)
    write_graph(model, tmp_path / "b.onnx", {"segtrt.precision": "fp32"})
    content = (tmp_path / "b.onnx").read_bytes()
    assert b"/home" not in content
    assert b"9.9+cpu" not in content
    kept = onnx.load(tmp_path / "b.onnx").metadata_props
    assert [(entry.key, entry.value) for entry in kept] == [("segtrt.precision", "fp32")]


def test_names_do_not_depend_on_the_exporters_numbering(tmp_path):
    first = read_graph(small_graph(tmp_path / "a.onnx"))
    second = read_graph(small_graph(tmp_path / "a.onnx"))
    results = [name for node in second.graph.node for name in node.output if name != "output"]
    names = {name: f"val_{number}" for number, name in enumerate(results)}
    for number, node in enumerate(second.graph.node):
        node.name = f"node_{number}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for model in (first, second):
        clean_graph(model)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(
        deterministic=True
    )
    assert {"first", "up", "relu", "relu_2"} <= {node.name for node in first.graph.node}


def test_cleaning_keeps_the_result(tmp_path):
    before = small_graph(tmp_path / "a.onnx")
    model = read_graph(before)
    clean_graph(model)
    write_graph(model, tmp_path / "b.onnx", {})
    (image,) = images(1)
    np.testing.assert_array_equal(run(before, image), run(tmp_path / "b.onnx", image))


def test_invalid_graph_is_not_written(tmp_path):
    model = read_graph(small_graph(tmp_path / "a.onnx"))
    model.graph.node[3].input[0] = "nowhere"
    with pytest.raises(onnx.shape_inference.InferenceError, match="node name: second"):
        write_graph(model, tmp_path / "b.onnx", {})
    assert not (tmp_path / "b.onnx").exists()


def test_raise_opset_only_upwards(tmp_path):
    model = read_graph(small_graph(tmp_path / "a.onnx", opset=18))
    raise_opset(model, 22)
    assert model.opset_import[0].version == 22
    raise_opset(model, 19)
    assert model.opset_import[0].version == 22
