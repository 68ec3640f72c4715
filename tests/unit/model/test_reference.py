"""PyTorch's answers: the same slices in the same order, in float32, and its times."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from segtrt.data.shards import Shard, SliceRef, write_shard
from segtrt.engines.budget import TimingBudget
from segtrt.engines.timing_file import TimingResult
from segtrt.errors import SegtrtError
from segtrt.formats import from_json
from segtrt.machine.facts import this_machine
from segtrt.model.reference import predict, run_reference
from segtrt.model.reference_timing import time_reference
from segtrt.model.unet import build_unet
from segtrt.model.weights import load_network, save_weights

FEATURES = 2
INDEX = [SliceRef("A", number, "calibration") for number in range(1, 8)] + [
    SliceRef("B", number, "evaluation") for number in (2, 3, 10)
]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = build_unet(FEATURES)
    # Running statistics other than the initial ones tell evaluation mode from training mode.
    network(torch.randn(2, 3, 64, 64) * 2 + 1)
    save_weights(network.state_dict(), tmp_path / "weights.safetensors", half=False)
    return tmp_path / "weights.safetensors"


@pytest.fixture
def images() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((len(INDEX), 3, 256, 256), dtype=np.float32)


@pytest.fixture
def shard(tmp_path: Path, images: NDArray[np.float32]) -> Path:
    path = tmp_path / "shard_00.safetensors"
    with write_shard(path, {"images": ("F32", (3, 256, 256))}, INDEX) as writer:
        writer.append("images", images)
    return path


def plain(weights: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's output on all images at once, without any of the module's ways."""
    with torch.no_grad():
        output: NDArray[np.float32] = load_network(weights, FEATURES)(
            torch.from_numpy(images)
        ).numpy()
    return output


def test_shard_of_probabilities(
    weights: Path, shard: Path, images: NDArray[np.float32], tmp_path: Path
) -> None:
    out = tmp_path / "out" / "shard_00.safetensors"
    threads = torch.get_num_threads()
    run_reference(weights, FEATURES, shard, out, 1)
    with Shard(out) as result:
        assert result.index == INDEX
        assert result.metadata["format"] == "segtrt-probabilities-1"
        found = result.rows("probabilities")
    assert found.shape == (10, 256, 256)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(weights, images)[:, 0], atol=1e-5)
    assert torch.get_num_threads() == threads
    again = tmp_path / "again.safetensors"
    run_reference(weights, FEATURES, shard, again, 1)
    assert again.read_bytes() == out.read_bytes()


def test_empty_shard(weights: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.safetensors"
    with write_shard(empty, {"images": ("F32", (3, 256, 256))}, []):
        pass
    run_reference(weights, FEATURES, empty, tmp_path / "out.safetensors", None)
    assert len(Shard(tmp_path / "out.safetensors")) == 0
    with pytest.raises(SegtrtError, match="no slice to time"):
        time_it(weights, [empty], tmp_path / "timing.json")


def test_predict(weights: Path, images: NDArray[np.float32]) -> None:
    found = predict(weights, FEATURES, images[:9])
    assert found.shape == (9, 1, 256, 256)
    np.testing.assert_allclose(found, plain(weights, images[:9]), atol=1e-5)
    assert predict(weights, FEATURES, images[:0]).shape == (0, 1, 256, 256)


def test_other_weights_leave_no_file(weights: Path, shard: Path, tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"set model\.init_features to 2"):
        run_reference(weights, 4, shard, tmp_path / "out.safetensors", None)
    assert not (tmp_path / "out.safetensors").exists()


def time_it(weights: Path, shards: list[Path], out: Path) -> None:
    time_reference(
        weights,
        FEATURES,
        shards,
        out,
        machine=this_machine().facts(),
        batch_sizes=[1, 12],
        budget=TimingBudget(3, None, 0),
        threads=1,
    )


def test_times_of_each_batch_size(weights: Path, shard: Path, tmp_path: Path) -> None:
    """12 is more than the shards have: slices fill the batch over again."""
    empty = tmp_path / "empty.safetensors"
    with write_shard(empty, {"images": ("F32", (3, 256, 256))}, []):
        pass
    time_it(weights, [empty, shard], tmp_path / "timing.json")
    record = json.loads((tmp_path / "timing.json").read_text())
    assert record["torch"] == torch.__version__
    assert record["machine"] == this_machine().facts()
    results = [from_json(TimingResult, timing) for timing in record["timings"]]
    assert [result.batch_size for result in results] == [1, 12]
    assert all(result.iterations == 3 for result in results)
    assert all(result.run.min > 0 for result in results)
    if record["device"] == "cpu":
        assert record["threads"] == 1
        assert results[0].copy_in is None
    else:
        assert results[0].copy_in is not None


@pytest.mark.gpu
def test_gpu_agrees_with_the_cpu(weights: Path, images: NDArray[np.float32]) -> None:
    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU")
    found = predict(weights, FEATURES, images)
    np.testing.assert_allclose(found, plain(weights, images), atol=1e-4)


def test_another_machine_than_planned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match="planned for another"):
        time_reference(
            tmp_path / "weights",
            FEATURES,
            [],
            tmp_path / "out",
            machine={**this_machine().facts(), "cpu": "another"},
            batch_sizes=[1],
            budget=TimingBudget(3, None, 0),
            threads=1,
        )
    assert not (tmp_path / "out").exists()


def test_answers_that_are_not_finite_are_refused_with_their_slice(
    weights: Path, images: NDArray[np.float32], tmp_path: Path
) -> None:
    """Finite weights that overflow: no answer is written for engines to be compared with."""
    from safetensors.torch import load_file, save_file

    state = load_file(weights)
    for entry in ("weight", "bias"):
        state[f"encoder1.enc1norm1.{entry}"].fill_(3e38)  # overflows, then infinity less itself
    huge = tmp_path / "huge.safetensors"
    save_file(state, huge)
    shard = tmp_path / "one.safetensors"
    with write_shard(shard, {"images": ("F32", (3, 256, 256))}, INDEX[8:9]) as writer:
        writer.append("images", images[:1])
    told = r"slice 3 of B: PyTorch's answer has \d+ values that are infinite or not numbers"
    with pytest.raises(SegtrtError, match=rf"one\.safetensors, {told}; check .*huge"):
        run_reference(huge, FEATURES, shard, tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()
    with pytest.raises(SegtrtError, match="number 1: PyTorch's answer has"):
        predict(huge, FEATURES, images[:1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_that_are_not_finite_are_refused_with_their_slice(
    weights: Path, images: NDArray[np.float32], tmp_path: Path, value: float
) -> None:
    images[2, 1, 30, 40] = value
    shard = tmp_path / "bad.safetensors"
    with write_shard(shard, {"images": ("F32", (3, 256, 256))}, INDEX[:4]) as writer:
        writer.append("images", images[:4])
    with pytest.raises(SegtrtError, match=r"bad\.safetensors, slice 3 of A: the image has 1 val"):
        run_reference(weights, FEATURES, shard, tmp_path / "out", 1)
