"""From each kind of network source to the report, on images of another size and classes."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fast_snakemake import FastSnakemake
from numpy.typing import NDArray
from PIL import Image
from segtrt.data.prepared import Prepared
from segtrt.quality.answers import Answers
from snakemake_runs import run_snakemake
from tiny_networks import THREE_LINES

CLASSES = 3
RUNTIMES = ("onnxruntime", "openvino")
GRAPHS = {"onnxruntime": "int8", "openvino": "int8_openvino"}


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


def write_module(folder: Path) -> dict[str, object]:
    """A module beside the configuration, as an installed package is one."""
    (folder / "my_networks").mkdir()
    (folder / "my_networks/__init__.py").touch()
    (folder / "my_networks/small.py").write_text(THREE_LINES)
    return {"network": "my_networks.small:network", "arguments": {"classes": CLASSES}}


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


WRITERS = (
    *(write_file, write_file_with_weights, write_module, write_onnx, write_torchscript),
    *(write_program, write_bundle),
)


@dataclass(frozen=True)
class Given:
    """A folder with a network, images and settings."""

    folder: Path
    runtimes: tuple[str, ...]
    snakefile: Path

    def write(self, write: Callable[[Path], dict[str, object]]) -> None:
        write_images(self.folder / "images")
        settings: dict[str, Any] = {
            "dataset": {
                "images": "images/{subject}/{item}.png",
                "masks": "images/{subject}/{item}_mask.png",
                "labels": {1: "some", 2: "more"},
                "calibration_fraction": 0.4,
            },
            "model": write(self.folder),
            "engines": {
                "runtimes": self.runtimes,
                "batch_sizes": [2],
                "precisions": ["fp32", "int8"],
            },
            "inference": {"iterations": 2, "max_seconds": 0.1, "warmup_max_seconds": 0.1},
        }
        (self.folder / "settings.yaml").write_text(json.dumps(settings))

    @property
    def arguments(self) -> tuple[str, ...]:
        return "results/report.html", "--notemp", "--configfile", "settings.yaml"

    def check(self, expected: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
        """Contract, the reference's and engines' answers, and how their graphs were made."""
        results = self.folder / "results"
        contract = json.loads((results / "model/network.json").read_text())
        assert (contract["channels"], contract["classes"], contract["activation"]) == (3, 3, "none")
        with Prepared(results / "tensors/shard_00.safetensors") as shard:
            assert shard.patch == (3, 48, 40)
            truth = expected(shard.images())
            with Answers(results / "reference/shard_00.safetensors") as reference:
                np.testing.assert_allclose(reference.outputs(), truth, atol=1e-4)
                for place, item in enumerate(shard.items):
                    labels = reference.labels(place, item)
                    np.testing.assert_array_equal(labels, reference.outputs()[place].argmax(axis=0))
        for runtime in self.runtimes:
            for precision, limit in (("fp32", 1e-3), ("int8", 0.1)):
                path = results / f"answers/{runtime}/b2_{precision}/shard_00.safetensors"
                with Answers(path) as engine:
                    outputs = engine.outputs()
                error = np.sqrt(np.mean((outputs - truth) ** 2)) / truth.std()
                assert error < limit, (runtime, precision, error)
        for graph in ("fp32", *(GRAPHS[runtime] for runtime in self.runtimes)):
            proof = json.loads((results / f"onnx/{graph}/proof.json").read_text())
            assert proof["status"] == "made"
        summary = json.loads((results / "summary.json").read_text())
        assert len(summary["engines"]) == 2 * len(self.runtimes)
        assert summary["model"]["decoder"]["decide"] == "argmax"
        report = (results / "report.html").read_text("utf-8")
        for text in ("some, more", summary["model"]["source"], summary["reference"]["name"]):
            assert text in report


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastSnakemake]:
    with FastSnakemake(tmp_path_factory.mktemp("server") / "said.txt") as server:
        yield server


@pytest.mark.parametrize(
    ("write", "runtimes"),
    [
        (write_file, ("openvino",)),
        *(pytest.param(one, RUNTIMES, marks=pytest.mark.slow) for one in WRITERS),
    ],
)
def test_from_source_to_report(
    write: Callable[[Path], dict[str, object]],
    runtimes: tuple[str, ...],
    server: FastSnakemake,
    project_root: Path,
    tmp_path: Path,
) -> None:
    given = Given(tmp_path, runtimes, project_root / "Snakefile")
    given.write(write)
    server.run(tmp_path, *given.arguments, "--snakefile", str(given.snakefile))
    given.check(answers)
    again = server.run(tmp_path, *given.arguments, "-n", "--snakefile", str(given.snakefile))
    assert "Nothing to be done" in again, again


def test_an_onnx_file_needs_no_pytorch(
    project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job, and planning, would fail where it imported PyTorch."""
    broken = tmp_path / "broken/torch/__init__.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("raise ImportError('PyTorch is not to be imported')\n")
    folder = tmp_path / "run"
    folder.mkdir()
    given = Given(folder, ("onnxruntime",), project_root / "Snakefile")
    given.write(write_onnx)
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{broken.parents[1]}{os.pathsep}{before}")
    done = run_snakemake(folder, *given.arguments, snakefile=given.snakefile)
    assert done.returncode == 0, done.stdout + done.stderr
    given.check(answers)
    summary = json.loads((folder / "results/summary.json").read_text())
    assert summary["reference"]["name"] == "unoptimised ONNX Runtime"


def answers(images: NDArray[np.float32]) -> NDArray[np.float32]:
    import torch

    with torch.no_grad():
        found: NDArray[np.float32] = network()(torch.from_numpy(images)).numpy()
    return found
