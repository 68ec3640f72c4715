"""From each kind of network source to scored engines, on images of another size and classes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from segtrt.data.prepared import Prepared
from segtrt.quality.answers import Answers
from snakemake_runs import run_snakemake
from tiny_networks import THREE_LINES

CLASSES = 3
ENGINES = ("onnxruntime/b2_fp32", "onnxruntime/b2_int8", "openvino/b2_fp32", "openvino/b2_int8")


def write_images(folder: Path) -> None:
    """Three subjects with two pictures of 48 x 40 in colour each, and masks of two classes."""
    rng = np.random.default_rng(0)
    for subject in "ABC":
        (folder / subject).mkdir(parents=True)
        for item in "12":
            coarse = rng.integers(0, 255, (6, 5, 3), np.uint8)
            image = coarse.repeat(8, axis=0).repeat(8, axis=1)
            Image.fromarray(image).save(folder / subject / f"{item}.png")
            Image.fromarray(image[..., 0] // 86).save(folder / subject / f"{item}_mask.png")


def network() -> "torch.nn.Module":  # type: ignore[name-defined] # noqa: F821 - imported late
    scope: dict[str, Callable[..., object]] = {}
    exec(THREE_LINES, scope)  # the file that the workflow is given
    return scope["network"](CLASSES).eval()


def write_file(folder: Path) -> dict[str, object]:
    (folder / "net.py").write_text(THREE_LINES)
    return {"network": "net.py:network", "arguments": {"classes": CLASSES}}


def write_file_with_weights(folder: Path) -> dict[str, object]:
    import torch

    state = {f"module.{name}": value for name, value in network().state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, folder / "checkpoint.pt")
    return {**write_file(folder), "weights": "checkpoint.pt"}


def write_onnx(folder: Path) -> dict[str, object]:
    import torch

    torch.onnx.export(
        *(network(), (torch.zeros(1, 3, 48, 40),), folder / "net.onnx"), dynamo=True, verbose=False
    )
    return {"network": "net.onnx"}


def write_torchscript(folder: Path) -> dict[str, object]:
    import torch

    torch.jit.script(network()).save(folder / "net.ts")
    return {"network": "net.ts"}


def write_program(folder: Path) -> dict[str, object]:
    import torch

    batch = torch.export.Dim("batch", min=1, max=64)
    images = torch.zeros(2, 3, 48, 40)
    program = torch.export.export(network(), (images,), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "net.pt2")
    return {"network": "net.pt2"}


def write_bundle(folder: Path) -> dict[str, object]:
    import torch

    bundle = folder / "bundle"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "models").mkdir()
    layers = f"nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, {CLASSES}, 1)"
    config = {"imports": ["$from torch import nn"], "network_def": f"$nn.Sequential({layers})"}
    (bundle / "configs" / "inference.json").write_text(json.dumps(config))
    torch.save(network().state_dict(), bundle / "models" / "model.pt")
    return {"network": "bundle"}


@pytest.mark.parametrize(
    "write",
    [
        write_file,
        *(
            pytest.param(write, marks=pytest.mark.slow)
            for write in (
                *(write_file_with_weights, write_onnx, write_torchscript, write_program),
                write_bundle,
            )
        ),
    ],
)
def test_from_source_to_scores(
    write: Callable[[Path], dict[str, object]], project_root: Path, tmp_path: Path
) -> None:
    write_images(tmp_path / "images")
    settings = {
        "dataset": {
            "images": "images/{subject}/{item}.png",
            "masks": "images/{subject}/{item}_mask.png",
            "labels": {1: "some", 2: "more"},
            "calibration_fraction": 0.4,
        },
        "model": write(tmp_path),
        "engines": {"batch_sizes": [2]},
        "inference": {"iterations": 2, "max_seconds": 0.1, "warmup_max_seconds": 0.1},
    }
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))
    scores = [f"results/scores/{name}.json" for name in ENGINES]
    done = run_snakemake(
        *(tmp_path, *scores, "--notemp", "--configfile", "settings.yaml"),
        snakefile=project_root / "Snakefile",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = tmp_path / "results"
    contract = json.loads((results / "model/network.json").read_text())
    assert (contract["channels"], contract["classes"], contract["activation"]) == (3, 3, "none")
    with Prepared(results / "tensors/shard_00.safetensors") as shard:
        assert shard.patch == (3, 48, 40)
        expected = answers(shard.images())
        with Answers(results / "reference/shard_00.safetensors") as reference:
            np.testing.assert_allclose(reference.outputs(), expected, atol=1e-4)
            for place, item in enumerate(shard.items):
                labels = reference.labels(place, item)
                np.testing.assert_array_equal(labels, reference.outputs()[place].argmax(axis=0))
        for name in ENGINES:
            with Answers(results / f"answers/{name}/shard_00.safetensors") as engine:
                outputs = engine.outputs()
            limit = 1e-3 if "fp32" in name else 0.1
            error = np.sqrt(np.mean((outputs - expected) ** 2)) / expected.std()
            assert error < limit, (name, error)
    for graph in ("fp32", "int8", "int8_openvino"):
        assert json.loads((results / f"onnx/{graph}/proof.json").read_text())["status"] == "made"


def answers(images: NDArray[np.float32]) -> NDArray[np.float32]:
    import torch

    with torch.no_grad():
        found: NDArray[np.float32] = network()(torch.from_numpy(images)).numpy()
    return found
