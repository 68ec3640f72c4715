"""Networks of the libraries that people use, from source to report and to TensorRT's engines."""

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from fast_snakemake import FastSnakemake
from network_cases import CASES, QUICK, Case
from numpy.typing import NDArray
from PIL import Image

RMS = {"fp32": 1e-3, "bf16": 0.15, "int8": 0.6}
"""Largest root mean square of the error, over the answers' spread: random weights exaggerate."""
TENSORRT = "engines={{runtimes: [tensorrt_rtx], precisions: {}, compute_capabilities: ['8.9']}}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastSnakemake]:
    with FastSnakemake(tmp_path_factory.mktemp("server") / "said.txt") as server:
        yield server


@dataclass(frozen=True)
class Run:
    """A run that made its report."""

    case: Case
    folder: Path
    said: str

    @property
    def network(self) -> str:
        settings = json.loads((self.folder / "settings.yaml").read_text())
        network: str = settings["model"]["network"]
        return network

    @property
    def summary(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.folder / "results/summary.json").read_text())
        return value

    def engines(self) -> dict[str, Any]:
        return {engine["name"]: engine for engine in self.summary["engines"]}


def run_case(server: FastSnakemake, project_root: Path, folder: Path, *arguments: str) -> str:
    return server.run(
        folder,
        *arguments,
        *("--snakefile", str(project_root / "Snakefile"), "--configfile", "settings.yaml"),
    )


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(QUICK, id="quick"),
        *(pytest.param(case, id=case.name, marks=pytest.mark.slow) for case in CASES),
    ],
)
def run(
    request: pytest.FixtureRequest,
    server: FastSnakemake,
    project_root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    case: Case = request.param
    folder = tmp_path_factory.mktemp(case.name)
    (folder / "settings.yaml").write_text(json.dumps(case.write_all(folder)))
    return Run(case, folder, run_case(server, project_root, folder, "results/report.html"))


def test_contract(run: Run) -> None:
    found = json.loads((run.folder / "results/model/network.json").read_text())
    case = run.case
    assert (found["channels"], found["classes"]) == (case.channels, case.classes)
    assert found["activation"] == case.activation
    assert found["stride"] == [case.stride] * case.dimensions
    assert any(case.note in note for note in [*found["notes"], *([] if case.note else [""])])


def test_reference_answers_as_the_network_does(run: Run) -> None:
    """Its masks are compared with truth that was made without this library."""
    scores = run.engines()["openvino/b1_fp32"]["quality"]
    assert scores["reference_mean"] >= run.case.quality
    assert len(scores["reference_classes"]) == len(run.case.class_names)


def test_engines_do_what_their_precision_can(run: Run) -> None:
    engines = run.engines()
    for name, engine in engines.items():
        if name == "onnxruntime/b1_bf16":
            assert (engine["verdict"], engine["reason"]) == (
                "skipped",
                "ONNX Runtime has no bf16 convolution on the CPU",
            )
            continue
        assert engine["errors"]["relative_rms"] < RMS[engine["precision"]], name
        exact = engine["precision"] == "fp32"
        assert engine["quality"]["mean"] >= (run.case.quality if exact else run.case.others), name
        if exact:
            assert engine["verdict"] == "pass", engine["failures"]
    assert run.summary["recommendation"]["engine"]


def test_masks_lie_on_the_images_own_grid(run: Run) -> None:
    for runtime in run.case.runtimes:
        for path in (run.folder / "masks").iterdir():
            name = f"masks/{path.name}"
            found = read(run.folder / f"results/predictions/{runtime}/b1_fp32" / name)
            truth = read(run.folder / name)
            assert found.shape == truth.shape == run.case.sides
            if run.case.quality > 0.99:
                assert np.mean(found != truth) < 1e-3
            assert set(np.unique(found)) <= set(range(len(run.case.class_names) + 1))
            assert found.any()


def test_report_tells_of_this_network(run: Run) -> None:
    report = html.unescape((run.folder / "results/report.html").read_text("utf-8"))
    assert "Recommended engine" in report
    for text in (*run.case.class_names, run.case.note, Path(run.network).name):
        assert text in report


def test_tensorrt_for_rtx_builds_it(run: Run, server: FastSnakemake, project_root: Path) -> None:
    """Without a GPU, so that the engines are not run."""
    tensorrt = pytest.importorskip("tensorrt_rtx")
    precisions = ["fp32"] if run.case is QUICK else ["fp32", "fp16"]
    if run.case is not QUICK and tuple(map(int, tensorrt.__version__.split(".")[:2])) >= (1, 7):
        precisions.append("int8")  # 1.6 has no convolution in it
    engines = [f"results/engines/tensorrt_rtx/b1_{name}/engine.bin" for name in precisions]
    run_case(server, project_root, run.folder, *engines, "--config", TENSORRT.format(precisions))
    assert all((run.folder / engine).stat().st_size > 1000 for engine in engines)


def read(path: Path) -> NDArray[Any]:
    if path.suffix == ".png":
        return np.asarray(Image.open(path))
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
