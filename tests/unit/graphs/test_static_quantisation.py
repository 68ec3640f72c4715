"""ONNX Runtime's own quantisation."""

import numpy as np
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.activation_ranges import METHODS
from segtrt.graphs.static_quantisation import quantise_statically
from small_graph import images, run, small_graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("graph") / "fp32.onnx")


@pytest.mark.parametrize("method", METHODS)
def test_every_operator_is_quantised_and_stays_close(graph, tmp_path, method, caplog):
    model = quantise_statically(graph, images(2), method)
    assert caplog.text == ""
    kinds = [node.op_type for node in model.graph.node]
    # The activations of four convolutions and the last one, pooling, joining and the input.
    assert kinds.count("QuantizeLinear") >= 8
    (tmp_path / "int8.onnx").write_bytes(model.SerializeToString())
    batch = np.concatenate(images(2, seed=11))
    difference = np.abs(run(tmp_path / "int8.onnx", batch) - run(graph, batch))
    assert difference.max() > 1e-4
    assert difference.mean() < 0.03


def test_same_bytes_twice(graph):
    first, second = (
        quantise_statically(graph, images(1), "minmax").SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert first == second


def test_unknown_method(graph):
    with pytest.raises(SegtrtError, match="expected one of minmax, percentile, entropy"):
        quantise_statically(graph, images(1), "guess")
