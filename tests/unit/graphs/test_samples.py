"""Sample inputs and outputs, also by ONNX's own reader and test runner."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx_runner import run_onnx_tests
from prepared_shards import Made, write_shard
from segtrt.errors import SegtrtError
from segtrt.graphs.sample import Sample
from segtrt.graphs.sample_inputs import write_sample_inputs
from segtrt.graphs.samples import (
    read_sample_input,
    read_sample_output,
    read_tensor,
    write_sample_outputs,
    write_tensor,
)

PATCH, OUTPUT = (3, 256, 256), (1, 256, 256)
INDEXES = [
    [("ANNA", number) for number in (2, 3, 10)],
    [],
    [("BERT", 7), ("CARL", 1)],
]
SAMPLES = [
    Sample("BERT", 7),
    Sample("ANNA", 10),
    Sample("ANNA", 2),
]


def image_of(subject: str, number: int) -> NDArray[np.float32]:
    """Something that looks like a normalised slice, another one for each name and number."""
    rng = np.random.default_rng([number, *subject.encode()])
    return rng.standard_normal((3, 256, 256)).astype(np.float32)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("tensors")
    paths = []
    for number, index in enumerate(INDEXES):
        items = [Made(name, str(n), image_of(name, n)) for name, n in index]
        paths.append(write_shard(folder / f"shard_{number:02}.safetensors", items, (3, 256, 256)))
    return paths


def tiny_network() -> onnx.ModelProto:
    """Sigmoid of the mean of the channels, as (batch, 1, 256, 256)."""
    shapes = [[None, channels, 256, 256] for channels in (3, 1)]
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["input", "axes"], ["mean"], keepdims=1),
            helper.make_node("Sigmoid", ["mean"], ["output"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shapes[0])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shapes[1])],
        [numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def run_network(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What `tiny_network` gives."""
    assert images.shape == (1, 3, 256, 256)
    result: NDArray[np.float32] = 1 / (1 + np.exp(-images.mean(axis=1, keepdims=True)))
    return result


def load(path: Path) -> tuple[str, NDArray[Any]]:
    """Name and values of a tensor file, by ONNX's own functions."""
    tensor = onnx.load_tensor(path)
    return tensor.name, numpy_helper.to_array(tensor)


def test_inputs_are_the_chosen_slices_in_order(shards: list[Path], tmp_path: Path) -> None:
    write_sample_inputs(shards, SAMPLES, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"test_data_set_{number}" for number in range(3)
    ]
    for number, sample in enumerate(SAMPLES):
        path = tmp_path / f"test_data_set_{number}" / "input_0.pb"
        name, values = load(path)
        assert name == "input"
        assert values.dtype == np.float32
        expected = image_of(sample.subject, sample.slice or 0)[np.newaxis]
        np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(read_sample_input(path, PATCH), expected)


def test_outputs_are_what_the_network_gives(shards: list[Path], tmp_path: Path) -> None:
    write_sample_inputs(shards, SAMPLES, tmp_path)
    write_sample_outputs(tmp_path, 3, run_network)
    for number, sample in enumerate(SAMPLES):
        path = tmp_path / f"test_data_set_{number}" / "output_0.pb"
        name, values = load(path)
        assert name == "output"
        expected = run_network(image_of(sample.subject, sample.slice or 0)[np.newaxis])
        np.testing.assert_array_equal(values, expected)
        assert read_sample_output(path, OUTPUT).shape == (1, 1, 256, 256)


def test_onnx_test_runner_passes_and_can_fail(
    shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "real" / "test_tiny"
    write_sample_inputs(shards, SAMPLES, folder)
    write_sample_outputs(folder, 3, run_network)
    onnx.save(tiny_network(), folder / "model.onnx")
    result = run_onnx_tests(tmp_path, monkeypatch)
    assert result.testsRun - len(result.skipped) == 1
    assert result.wasSuccessful(), result

    write_sample_outputs(folder, 3, lambda images: run_network(images) + np.float32(0.01))
    assert not run_onnx_tests(tmp_path, monkeypatch).wasSuccessful()


def test_a_shorter_list_leaves_no_stale_sample(shards: list[Path], tmp_path: Path) -> None:
    write_sample_inputs(shards, SAMPLES, tmp_path)
    write_sample_outputs(tmp_path, 3, run_network)
    (tmp_path / "model.onnx").write_bytes(b"graph")
    (tmp_path / "test_data_set_notes").mkdir()
    write_sample_inputs(shards, SAMPLES[2:], tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "model.onnx",
        "test_data_set_0",
        "test_data_set_0/input_0.pb",
        "test_data_set_notes",
    ]


def test_more_than_ten_samples_keep_their_numbers(shards: list[Path], tmp_path: Path) -> None:
    write_sample_inputs(shards, SAMPLES * 4, tmp_path)
    write_sample_outputs(tmp_path, 12, run_network)
    first, last = (
        read_sample_output(tmp_path / f"test_data_set_{number}" / "output_0.pb", OUTPUT)
        for number in (1, 10)
    )
    np.testing.assert_array_equal(first, last)


def test_unknown_subject_is_reported_with_those_there_are(
    shards: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(SegtrtError, match=r"subject DORA, .* choose from ANNA, BERT, CARL$"):
        write_sample_inputs(shards, [Sample("DORA", 1)], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_slice_is_reported_with_those_there_are(shards: list[Path], tmp_path: Path) -> None:
    write_sample_inputs(shards, SAMPLES, tmp_path)
    with pytest.raises(SegtrtError, match=r"slice 4 of ANNA, .* choose from 2, 3, 10$"):
        write_sample_inputs(shards, [Sample("ANNA", 4)], tmp_path)
    assert len(list(tmp_path.iterdir())) == 3  # refused before anything is removed


def test_long_lists_are_cut_short(tmp_path: Path) -> None:
    image = np.zeros((1, 2, 2), np.float32)
    items = [Made(f"S{number:02}", "1", image) for number in range(25)]
    path = write_shard(tmp_path / "shard_00.safetensors", items)
    with pytest.raises(SegtrtError, match=r"S18, S19 and 5 more$"):
        write_sample_inputs([path], SAMPLES, tmp_path)


def test_data_set_without_slices_is_reported(shards: list[Path], tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match="choose from none"):
        write_sample_inputs(shards[1:2], SAMPLES, tmp_path)


def test_damaged_input_gets_no_output(shards: list[Path], tmp_path: Path) -> None:
    write_sample_inputs(shards, SAMPLES, tmp_path)
    (tmp_path / "test_data_set_0" / "input_0.pb").write_bytes(b"")
    with pytest.raises(SegtrtError, match=r"test_data_set_0/input_0.pb is not a whole"):
        write_sample_outputs(tmp_path, 3, run_network)


def test_missing_input_is_reported(shards: list[Path], tmp_path: Path) -> None:
    write_sample_inputs(shards, SAMPLES[:2], tmp_path)
    with pytest.raises(SegtrtError, match=r"test_data_set_2/input_0.pb cannot be read"):
        write_sample_outputs(tmp_path, 3, run_network)


def test_no_samples_no_folders(shards: list[Path], tmp_path: Path) -> None:
    write_sample_inputs(shards, [], tmp_path)
    write_sample_outputs(tmp_path, 0, run_network)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("batch", [(), (1,)])
def test_files_with_and_without_batch_axis_are_read(tmp_path: Path, batch: tuple[int, ...]) -> None:
    image, mask = image_of("A", 1), image_of("A", 1)[:1]
    write_tensor(tmp_path / "input_0.pb", image.reshape(*batch, 3, 256, 256), "input")
    write_tensor(tmp_path / "output_0.pb", mask.reshape(*batch, 1, 256, 256), "output")
    np.testing.assert_array_equal(
        read_sample_input(tmp_path / "input_0.pb", PATCH), image[np.newaxis]
    )
    np.testing.assert_array_equal(
        read_sample_output(tmp_path / "output_0.pb", OUTPUT), mask[np.newaxis]
    )


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, 3, 256, 256), np.float32),
        np.zeros((256, 256, 3), np.float32),
        np.zeros((1, 3, 128, 128), np.float32),
        np.zeros((1, 3, 256, 256), np.float64),
        np.float32(1),
    ],
    ids=["batch of two", "channels last", "size", "type", "scalar"],
)
def test_other_shapes_and_types_are_refused(tmp_path: Path, values: NDArray[Any]) -> None:
    write_tensor(tmp_path / "input_0.pb", values, "input")
    with pytest.raises(SegtrtError, match=r"expected float32 \(1, 3, 256, 256\)"):
        read_sample_input(tmp_path / "input_0.pb", PATCH)


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "input_0.pb"
    write_tensor(path, np.arange(24, dtype=np.float32).reshape(2, 3, 4), "input")
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            values = read_tensor(path)
        except SegtrtError as error:
            assert "is not a whole ONNX TensorProto" in str(error)
        else:
            # Only the name, which may come last, can be missing unnoticed.
            np.testing.assert_array_equal(values.ravel(), np.arange(24))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_garbage_is_reported_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.pb"
    path.write_bytes(content)
    with pytest.raises(SegtrtError) as caught:
        read_sample_input(path, PATCH)
    assert "\n" not in str(caught.value)


def test_external_values_are_not_followed(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "input")
    onnx.external_data_helper.set_external_data(tensor, "elsewhere.bin")
    (tmp_path / "input_0.pb").write_bytes(tensor.SerializeToString())
    with pytest.raises(SegtrtError, match="another file"):
        read_tensor(tmp_path / "input_0.pb")


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"cannot be read .*No such file"):
        read_tensor(tmp_path / "input_0.pb")
