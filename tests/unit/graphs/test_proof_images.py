"""The images that a graph is proven on."""

import numpy as np
from segtrt.graphs.clean import read_graph
from segtrt.graphs.proof_images import proof_images
from small_graph import small_graph


def test_calibration_images_are_taken_evenly_from_first_to_last(tmp_path):
    model = read_graph(small_graph(tmp_path / "fp32.onnx"))
    calibration = [np.full((1, 3, 8, 8), number, np.float32) for number in range(29)]
    taken = [int(batch[0, 0, 0, 0]) for batch in proof_images(model, calibration)]
    assert taken == [0, 4, 8, 12, 16, 20, 24, 28]
    few = proof_images(model, calibration[:3])
    assert [int(batch[0, 0, 0, 0]) for batch in few] == [0, 1, 2]


def test_without_any_it_is_noise_that_the_graph_takes(tmp_path):
    model = read_graph(small_graph(tmp_path / "fp32.onnx"))
    (noise,) = proof_images(model, None)
    assert noise.shape[:2] == (2, 3) and noise.dtype == np.float32
    assert noise.std() > 0
    (again,) = proof_images(model, None)
    np.testing.assert_array_equal(noise, again)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5
    (fixed,) = proof_images(model, None)
    assert len(fixed) == 5
