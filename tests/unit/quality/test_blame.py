"""Which region loses it: a network of which one known region is ruined."""

import numpy as np
import onnx
import onnxruntime
import pytest
from ruined_network import RUINED, SIZE, bright_squares
from ruined_world import KINDS, World
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.mixing import mix
from segtrt.graphs.proof import run_openvino
from segtrt.precision import Graph
from segtrt.quality.blame import measure_loss, runner
from segtrt.quality.blame_table import worst_first
from segtrt.quality.sensitivity import Method, Outcome


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


def by_runtime(runtime, path):
    """A graph's answers in a runtime, optimised as its engines are."""
    if runtime == "openvino":
        return run_openvino(path)
    session = onnxruntime.InferenceSession(path)
    return lambda images: session.run(None, {"input": images})[0]


@pytest.fixture(scope="module")
def blamed(world):
    """Kind -> what each region loses in it."""
    found = {}
    for kind in KINDS.values():
        converted = world.convert(kind)
        found[kind] = [world.blame(kind, number, converted) for number in range(5)]
    return found


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_ruined_region_is_named_and_no_other(world, blamed, kind):
    found = blamed[kind]
    assert world.evidence.scores.subjects[0].figure == 1.0
    worst, *others = worst_first(found)
    assert worst.name.startswith(RUINED)
    assert worst.loss.metric_loss > 0.5
    assert worst.loss.subjects == 2
    assert worst.loss.pixels == 2 * SIZE**2
    assert worst.method is Method.CODES
    for one in others:
        assert one.loss.metric_loss < 0.05
        assert one.loss.flipped_fraction < 0.02 < worst.loss.flipped_fraction
    assert found[4].outcome is Outcome.EMPTY and found[4].loss is None


@pytest.mark.parametrize(("runtime", "kind"), KINDS.items())
def test_sparing_that_region_saves_the_network_in_its_runtime(
    world, blamed, runtime, kind, tmp_path
):
    """Plain int8 fails in the real runtime; with the region blamed in float32 it does not."""
    del blamed
    converted = read_graph(world.folder / f"{kind}.onnx")
    plain = measure_loss(
        by_runtime(runtime, world.folder / f"{kind}.onnx"), world.evidence, "plain"
    )
    assert plain.metric_loss > 0.5
    (ruined,) = [n for n, one in enumerate(world.regions) if one.name.startswith(RUINED)]
    spared = {number: kind for number in range(len(world.regions)) if number != ruined}
    made = mix(world.model, world.regions, {kind: converted}, spared)
    write_graph(made, tmp_path / "mixed.onnx", {})
    assert any(node.op_type == "QuantizeLinear" for node in made.graph.node)
    mixed = measure_loss(by_runtime(runtime, tmp_path / "mixed.onnx"), world.evidence, "mixed")
    assert mixed.metric_loss < 0.05
    # What regions are judged by is what the runtime gives.
    reported = measure_loss(runner(made), world.evidence, "codes")
    assert reported.flipped_fraction == pytest.approx(mixed.flipped_fraction, abs=2e-3)


def test_short_floats_are_judged_by_rounding(world):
    found = [world.blame(Graph.BF16, number) for number in range(4)]
    assert {one.method for one in found} == {Method.ROUNDING}
    assert all(0 < one.loss.relative_l2 < 0.02 for one in found)
    assert all(one.loss.metric_loss < 0.05 for one in found)


def test_a_network_in_full_precision_loses_nothing_where_components_are_dropped(tmp_path):
    world = World(tmp_path, largest_component=True)
    assert 0.9 < world.evidence.scores.subjects[0].figure < 1.0  # the edge is left out
    found = measure_loss(runner(world.model), world.evidence, "itself")
    assert (found.metric_loss, found.flipped_fraction) == (0, 0)


def test_values_that_are_no_numbers_are_counted(world):
    none = np.full((1, 1, SIZE, SIZE), np.nan, np.float32)
    found = measure_loss(lambda _: none, world.evidence, "nothing")
    assert found.non_finite == found.pixels == 2 * SIZE**2
    assert found.metric_loss == 1.0


def test_without_ground_truth_there_is_no_loss_of_the_metric(tmp_path):
    world = World(tmp_path, truth=False)
    found = world.blame(Graph.BF16, 0)
    assert found.loss.metric_loss is None
    assert found.loss.relative_l2 > 0


def test_what_cannot_be_had_says_why(world):
    found = world.blame(Graph.INT8, 1, world.folder / "none.onnx", obstacle="no such graph")
    assert (found.outcome, found.reason) == (Outcome.UNAVAILABLE, "no such graph")


def test_a_region_that_stays_float32_is_not_run(world):
    """The whole graph in place of the converted one: nothing in it is in codes."""
    found = world.blame(Graph.INT8, 1, world.source)
    assert (found.outcome, found.loss) == (Outcome.UNCHANGED, None)


def test_no_search_subject_is_reported_in_one_line(tmp_path):
    world = World(tmp_path, search=())
    with pytest.raises(SegtrtError, match=r"raise dataset\.search_fraction or add subjects"):
        world.blame(Graph.BF16, 0)


def test_too_small_a_budget_of_raw_outputs_is_reported_in_one_line(tmp_path):
    world = World(tmp_path, search=("z",), budget=4 * SIZE**2)
    with pytest.raises(SegtrtError, match=r"raise validation\.raw_mib"):
        world.blame(Graph.BF16, 0)


def test_a_graph_of_a_fixed_batch_gets_full_batches(world):
    model = onnx.ModelProto()
    model.CopyFrom(world.model)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 3
    images = bright_squares(1)
    np.testing.assert_allclose(runner(model)(images), runner(world.model)(images), atol=1e-6)
