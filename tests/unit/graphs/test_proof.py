"""Differences between answers."""

import sys

import numpy as np
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph
from segtrt.graphs.proof import agreement, run_exactly, run_openvino
from segtrt.graphs.running import GraphRun, noise, trial_images, trial_sizes
from small_graph import images, run, small_graph


def compared(expected, got, activation="none"):
    batches = [np.zeros((len(part), 1, 2), np.float32) for part in expected]
    answers = iter(expected), iter(got)
    return agreement(batches, *(lambda _, a=a: next(a) for a in answers), activation)


def test_figures_are_over_all_batches():
    rng = np.random.default_rng(0)
    expected = [rng.normal(3, 2, (n, 3, 4, 5)) for n in (1, 2)]
    got = [values + rng.normal(0, 1, values.shape) for values in expected]
    found = compared(expected, got)
    want, have = np.concatenate(expected), np.concatenate(got)
    assert found.relative == pytest.approx(np.sqrt(np.mean((have - want) ** 2)) / want.std())
    assert found.largest == pytest.approx(np.abs(have - want).max())
    assert found.flipped == np.mean(want.argmax(1) != have.argmax(1))
    assert found.images == 3


def test_one_class_flips_at_its_threshold():
    expected, got = np.array([[[0.4, 0.6, -1.0]]]), np.array([[[0.6, 0.7, 0.1]]])
    assert compared([expected], [got], "sigmoid").flipped == pytest.approx(1 / 3)
    assert compared([expected], [got]).flipped == pytest.approx(1 / 3)
    assert compared([expected], [expected]).relative == 0


def test_probabilities_that_are_all_nearly_zero_count_by_their_range():
    expected, got = np.full((1, 1, 4), 1e-6), np.full((1, 1, 4), 2e-6)
    assert compared([expected], [got], "sigmoid").relative == pytest.approx(1e-6 / 0.05)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_not_finite_is_never_zero(bad, place):
    good = [np.ones((1, 2, 4)), np.ones((1, 2, 4))]
    spoilt = [values.copy() for values in good]
    spoilt[place][0, 1, 2] = bad
    for pair in ((good, spoilt), (spoilt, good), (spoilt, spoilt)):
        found = compared(*pair)
        assert np.isnan([found.relative, found.flipped, found.largest]).all()
        assert found.to_json()["relative"] is None


def test_shapes_must_agree():
    with pytest.raises(SegtrtError, match=r"shape \(1, 2, 4\), \(1, 2, 3\) was expected"):
        compared([np.ones((1, 2, 3))], [np.ones((1, 2, 4))])
    with pytest.raises(SegtrtError, match="no images"):
        compared([], [])


def test_trusted_runtimes_give_the_graphs_answers(tmp_path):
    path = small_graph(tmp_path / "a.onnx")
    batch = np.concatenate(images(2))
    expected = run(path, batch)
    for trusted in (run_exactly(path), run_openvino(path), GraphRun(read_graph(path))):
        np.testing.assert_allclose(trusted(batch), expected, atol=1e-5)


def test_without_openvino_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(SegtrtError, match=r"proven in OpenVINO.*install the package openvino"):
        run_openvino(small_graph(tmp_path / "a.onnx"))


def test_sizes_are_tried_until_one_works(tmp_path):
    assert list(trial_sizes((8, 16))) == [(8, 16)]
    assert next(iter(trial_sizes((None, 16)))) == (64, 16)
    graph = GraphRun(read_graph(small_graph(tmp_path / "a.onnx")))
    assert trial_images(graph, 3, (None, None)).shape == (2, 3, 256, 256)
    with pytest.raises(
        SegtrtError, match=r"none of the sizes tried \(100x100\).*set model\.input\.size"
    ):
        trial_images(graph, 3, (100, 100))
    assert np.array_equal(noise((2, 3)), noise((2, 3)))
    with pytest.raises(SegtrtError, match="cannot run the graph"):
        GraphRun(b"nonsense")
