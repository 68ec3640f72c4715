"""ModelOpt in a process of its own."""

import sys

import numpy as np
import onnxruntime.quantization
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.modelopt import narrow, quantise
from segtrt.precision import Precision
from small_graph import images, small_graph


@pytest.fixture
def graph(tmp_path):
    return small_graph(tmp_path / "fp32.onnx")


def test_without_modelopt_the_message_says_what_to_install(graph, monkeypatch):
    monkeypatch.setattr("segtrt.graphs.modelopt.find_spec", lambda _: None)
    with pytest.raises(SegtrtError, match="install the extra tensorrt"):
        narrow(graph, Precision.FP16, images(1))


def test_without_a_package_that_modelopt_uses_the_message_says_what_to_install(
    graph, tmp_path, monkeypatch
):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "onnx_graphsurgeon.py").write_text("import no_such_package\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    reported = r"No module named 'no_such_package'\); install the extra tensorrt"
    with pytest.raises(SegtrtError, match=reported):
        quantise(graph, Precision.FP8, images(1), "minmax")


def test_other_ways_to_choose_ranges_are_refused(graph):
    with pytest.raises(SegtrtError, match=r"percentile.*choose minmax or entropy"):
        quantise(graph, Precision.FP8, images(1), "percentile")


def test_this_process_stays_as_it_was_and_failures_are_one_line(graph, tmp_path):
    """ModelOpt replaces parts of ONNX Runtime's quantisation wherever it is imported."""
    before = vars(onnxruntime.quantization.quantize).copy()
    (tmp_path / "cut.onnx").write_bytes(graph.read_bytes())
    wrong = [np.zeros((1, 5, 256, 256), np.float32)]
    with pytest.raises(SegtrtError, match="nvidia-modelopt cannot convert the graph") as caught:
        quantise(graph, Precision.INT8, wrong, "minmax")
    assert "\n" not in str(caught.value)
    assert vars(onnxruntime.quantization.quantize) == before
    assert "modelopt" not in sys.modules
