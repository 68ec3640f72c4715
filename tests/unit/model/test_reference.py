"""PyTorch's answers: the same slices in the same order, in float32, and its times."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exported_unet import load_network, unet_files
from numpy.typing import NDArray
from prepared_shards import Made, write_shard
from segtrt.data.prepared import Prepared
from segtrt.engines.budget import TimingBudget
from segtrt.engines.timing_file import TimingResult
from segtrt.errors import SegtrtError
from segtrt.formats import from_json
from segtrt.machine.facts import this_machine
from segtrt.model.inference import NetworkFiles
from segtrt.model.network_file import UNET
from segtrt.model.reference import batch_size, predict, run_reference
from segtrt.model.reference_timing import time_reference
from segtrt.model.source import describe
from segtrt.model.unet import build_unet
from segtrt.model.weights import save_weights
from segtrt.quality.answers import Answers
from tiny_unet_graphs import run_with_onnxruntime

FEATURES = 2
INDEX = [("A", str(number)) for number in range(1, 8)] + [("B", str(n)) for n in (2, 3, 10)]
LABELS: dict[str, Any] = {
    "decoding": {"decide": None, "ignored": None},
    "raw_bytes": 2**30,
}


def answers_of(weights: Path, shard: Path, out: Path, features: int = FEATURES) -> None:
    run_reference(unet_files(weights, features), UNET, shard, out, threads=1, **LABELS)


def write_images(
    path: Path, images: NDArray[np.float32], index: list[tuple[str, str]] = INDEX
) -> Path:
    items = [Made(*names, image) for names, image in zip(index, images, strict=True)]
    return write_shard(path, items, patch=(3, 256, 256))


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
    return write_images(tmp_path / "shard_00.safetensors", images)


def plain(weights: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's output on all images at once, without any of the module's ways."""
    with torch.no_grad():
        output: NDArray[np.float32] = load_network(weights, FEATURES)(
            torch.from_numpy(images)
        ).numpy()
    return output


def test_answers_of_a_shard(
    weights: Path, shard: Path, images: NDArray[np.float32], tmp_path: Path
) -> None:
    out = tmp_path / "out" / "shard_00.safetensors"
    threads = torch.get_num_threads()
    answers_of(weights, shard, out)
    with Answers(out) as result, Prepared(shard) as source:
        assert (result.by, result.status, result.rows) == ("reference", "built", tuple(range(10)))
        found = result.outputs()
        labels = [result.labels(place, item) for place, item in enumerate(source.items)]
    assert found.shape == (10, 1, 256, 256)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(weights, images), atol=1e-5)
    np.testing.assert_array_equal(labels, found[:, 0] > 0.5)
    assert torch.get_num_threads() == threads
    again = tmp_path / "again.safetensors"
    answers_of(weights, shard, again)
    assert again.read_bytes() == out.read_bytes()


def test_empty_shard(weights: Path, tmp_path: Path) -> None:
    empty = write_images(tmp_path / "empty.safetensors", np.empty((0, 3, 256, 256), np.float32), [])
    answers_of(weights, empty, tmp_path / "out.safetensors")
    with Answers(tmp_path / "out.safetensors") as result:
        assert result.rows == () and result.outputs().shape == (0, 1, 256, 256)
    with pytest.raises(SegtrtError, match="no image to time"):
        time_it(weights, [empty], tmp_path / "timing.json")


def test_predict(weights: Path, images: NDArray[np.float32]) -> None:
    found = predict(unet_files(weights, FEATURES), UNET, images[:9])
    assert found.shape == (9, 1, 256, 256)
    np.testing.assert_allclose(found, plain(weights, images[:9]), atol=1e-5)
    assert predict(unet_files(weights, FEATURES), UNET, images[:0]).shape == (0, 1, 256, 256)


def test_other_weights_leave_no_file(weights: Path, shard: Path, tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"weights\.safetensors do not fit the network"):
        answers_of(weights, shard, tmp_path / "out.safetensors", features=4)
    assert not (tmp_path / "out.safetensors").exists()


def time_it(weights: Path, shards: list[Path], out: Path) -> None:
    time_reference(
        unet_files(weights, FEATURES),
        UNET,
        shards,
        out,
        machine=this_machine().facts(),
        batch_sizes=[1, 12],
        budget=TimingBudget(3, None, 0),
        decoding=LABELS["decoding"],
        compiled=False,
        threads=1,
    )


def test_times_of_each_batch_size(weights: Path, shard: Path, tmp_path: Path) -> None:
    """12 is more than the shards have: slices fill the batch over again."""
    empty = write_images(tmp_path / "empty.safetensors", np.empty((0, 3, 256, 256), np.float32), [])
    time_it(weights, [empty, shard], tmp_path / "timing.json")
    record = json.loads((tmp_path / "timing.json").read_text())
    assert record["torch"] == torch.__version__
    assert record["machine"] == this_machine().facts()
    [low] = record["baselines"]
    assert low["precision"] in ("bf16", "fp16") and bool(low["reason"]) != bool(low["timings"])
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
    found = predict(unet_files(weights, FEATURES), UNET, images)
    np.testing.assert_allclose(found, plain(weights, images), atol=1e-4)


def test_another_machine_than_planned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match="planned for another"):
        time_reference(
            unet_files(tmp_path / "weights", FEATURES),
            UNET,
            [],
            tmp_path / "out",
            machine={**this_machine().facts(), "cpu": "another"},
            batch_sizes=[1],
            budget=TimingBudget(3, None, 0),
            decoding=LABELS["decoding"],
            compiled=False,
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
    shard = write_images(tmp_path / "one.safetensors", images[:1], INDEX[8:9])
    reported = r"B, 3: PyTorch's answer has \d+ values that are infinite or not numbers"
    with pytest.raises(SegtrtError, match=rf"one\.safetensors, {reported}; check model"):
        answers_of(huge, shard, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(SegtrtError, match="number 1: PyTorch's answer has"):
        predict(unet_files(huge, FEATURES), UNET, images[:1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_that_are_not_finite_are_refused_with_their_slice(
    weights: Path, images: NDArray[np.float32], tmp_path: Path, value: float
) -> None:
    images[2, 1, 30, 40] = value
    shard = write_images(tmp_path / "bad.safetensors", images[:4], INDEX[:4])
    with pytest.raises(SegtrtError, match=r"bad\.safetensors, A, 3: the image has 1 val"):
        answers_of(weights, shard, tmp_path / "out")


def test_an_onnx_file_answers_through_onnx_runtime_without_torch(
    tiny_graphs: dict[str, Path], images: NDArray[np.float32], tmp_path: Path
) -> None:
    graph = tiny_graphs["fp32"]
    files = NetworkFiles(describe(str(graph), {}, Path()), None, graph, None)
    shard = write_images(tmp_path / "shard", images[:3], INDEX[:3])
    run_reference(files, UNET, shard, tmp_path / "out", threads=1, **LABELS)
    with Answers(tmp_path / "out") as result:
        expected = run_with_onnxruntime(graph, images[:3])
        np.testing.assert_allclose(result.outputs(), expected, atol=1e-5)
    code = (
        "import sys, pickle\n"
        "from pathlib import Path; from segtrt.model.reference import predict\n"
        "from segtrt.model.network_file import UNET; import numpy as np\n"
        "files = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "predict(files, UNET, np.zeros((1, 3, 256, 256), np.float32))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, pickle.dumps(files).hex()], check=True)
    time_reference(
        files,
        UNET,
        [shard],
        tmp_path / "timing.json",
        machine=this_machine().facts(),
        batch_sizes=[2],
        budget=TimingBudget(3, None, 0),
        decoding=LABELS["decoding"],
        compiled=True,
        threads=1,
    )
    record = json.loads((tmp_path / "timing.json").read_text())
    assert record["baselines"] == []  # there is no PyTorch to be faster with
    assert record["torch"] == "" and record["onnxruntime"] and record["device"] == "cpu"


def test_a_network_of_a_fixed_batch_gets_full_batches(
    weights: Path, images: NDArray[np.float32]
) -> None:
    fixed = replace(UNET, batch=4)
    assert batch_size(fixed, (3, 256, 256)) == 4
    found = predict(unet_files(weights, FEATURES), fixed, images[:6])
    np.testing.assert_allclose(found, plain(weights, images[:6]), atol=1e-5)


def test_large_patches_come_in_smaller_batches() -> None:
    assert batch_size(UNET, (3, 256, 256)) == 8
    assert batch_size(UNET, (1, 96, 96, 96)) == 1
    assert batch_size(UNET, (3, 512, 512)) == 2
