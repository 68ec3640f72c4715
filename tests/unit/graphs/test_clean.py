"""Graphs as files."""

import onnx
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import raise_opset, read_graph, write_graph
from small_graph import small_graph


def test_missing_file_is_one_line(tmp_path):
    with pytest.raises(SegtrtError, match="does not exist"):
        read_graph(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"not a model"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(SegtrtError, match=r"model\.onnx"):
        read_graph(path)


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
