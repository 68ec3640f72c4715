"""What a run leaves, opened by other people's tools: graphs, samples, masks, tables, weights."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import onnx
import pandas as pd
import pytest
import SimpleITK
import yaml
from fast_snakemake import FastSnakemake
from jsonschema import Draft202012Validator
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx_runner import run_onnx_tests
from own_images import CASES
from PIL import Image

NODE = shutil.which("node") or shutil.which("nodejs")
PRECISIONS = ("fp32", "int8")
GRAPHS = ("fp32", "int8", "int8_openvino")
RUNTIMES = ("onnxruntime", "openvino")
ENGINES = [f"{runtime}/b2_{precision}" for runtime in RUNTIMES for precision in PRECISIONS]
SAMPLES = [f"test_data_set_{number}" for number in range(3)]


@pytest.fixture(scope="module")
def results(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`results/` of volumes in NIfTI, sliced, with four engines and a package."""
    yield from finished("nifti_slices", project_root, tmp_path_factory)


@pytest.fixture(scope="module")
def of_pictures(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`results/` of PNG pictures."""
    yield from finished("png_pairs", project_root, tmp_path_factory)


def finished(
    case: str, project_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp(case)
    settings = CASES[case](folder)
    settings["engines"] |= {"runtimes": list(RUNTIMES), "precisions": list(PRECISIONS)}
    settings["report"] = {"max_metric_loss": 0.5}
    (folder / "settings.yaml").write_text(json.dumps(settings))
    with FastSnakemake(folder / "said.txt") as snakemake:
        snakemake.run(
            folder,
            *("results/package.zip", "--notemp", "-c2", "--configfile", "settings.yaml"),
            *("--snakefile", str(project_root / "Snakefile")),
        )
    yield folder / "results"


def graph(results: Path, name: str) -> Path:
    return results / "onnx" / name / "model.onnx"


def sample(results: Path, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """A sample's input and output as ONNX's own reader has them, with the batch axis."""
    arrays = []
    for kind in ("input", "output"):
        tensor = onnx.TensorProto()
        tensor.ParseFromString((results / "onnx/fp32" / name / f"{kind}_0.pb").read_bytes())
        arrays.append(onnx.numpy_helper.to_array(tensor))
    image, answer = arrays
    return image, answer if answer.ndim == image.ndim else answer[np.newaxis]


@pytest.mark.parametrize("name", GRAPHS)
def test_onnx_checks_a_graph_in_full(results: Path, name: str) -> None:
    onnx.checker.check_model(graph(results, name), full_check=True)
    inferred = onnx.shape_inference.infer_shapes(onnx.load(graph(results, name)), strict_mode=True)
    assert inferred.graph.output[0].type.tensor_type.HasField("shape")


@pytest.mark.parametrize("name", GRAPHS)
def test_polygraphy_shows_a_graph(results: Path, name: str) -> None:
    program = "from polygraphy.tools import main; main()"
    words = ["inspect", "model", str(graph(results, name)), "--show", "layers"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    loaded = onnx.load(graph(results, name))
    (given,), (answer,) = loaded.graph.input, loaded.graph.output
    assert f"{given.name} [dtype=float32" in done.stdout
    assert f"{answer.name} [dtype=float32" in done.stdout
    assert f"---- {len(loaded.graph.node)} Node(s) ----" in done.stdout


@pytest.mark.parametrize("name", GRAPHS)
def test_polygraphy_compares_a_graph_with_the_samples(results: Path, name: str) -> None:
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
    from polygraphy.comparator import Comparator, IterationResult, RunResults, SimpleCompareFunc

    loaded = onnx.load(graph(results, name))
    given, answer = loaded.graph.input[0].name, loaded.graph.output[0].name
    pairs = [sample(results, one) for one in SAMPLES]
    runs = Comparator.run(
        [OnnxrtRunner(SessionFromOnnx(str(graph(results, name))))],
        data_loader=[{given: image} for image, _ in pairs],
    )

    def agree(expected: list[NDArray[Any]]) -> bool:
        saved = [IterationResult({answer: one}, runner_name="samples") for one in expected]
        together = RunResults([*runs, ("samples", saved)])
        # Quantised answers may differ, by far less than one class from another.
        spread = np.ptp([one for _, one in pairs])
        within = SimpleCompareFunc(
            atol=1e-4 * spread if name == "fp32" else 0.1 * spread,
            rtol=0,
            check_error_stat="max" if name == "fp32" else "mean",
        )
        return bool(Comparator.compare_accuracy(together, compare_func=within))

    assert agree([expected for _, expected in pairs])
    assert not agree([-expected for _, expected in pairs])


@pytest.mark.skipif(not NODE, reason="Node.js is missing: apt-get install nodejs")
@pytest.mark.parametrize("name", GRAPHS)
def test_netron_draws_a_graph(results: Path, project_root: Path, name: str) -> None:
    import netron

    script = project_root / "tests/tools/netron_open.mjs"
    folder = Path(netron.__file__).parent
    command = [str(NODE), str(script), str(folder), str(graph(results, name))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    loaded = onnx.load(graph(results, name)).graph
    assert seen["format"].startswith("ONNX")
    assert sum(seen["types"].values()) == len(loaded.node)
    assert set(seen["types"]) == {node.op_type for node in loaded.node}
    assert ("QuantizeLinear" in seen["types"]) == (name != "fp32")
    for several, values in (("inputs", loaded.input), ("outputs", loaded.output)):
        ((title, kind),) = seen[several]
        assert title == values[0].name
        assert kind.startswith("float32[")
    # A file that is no graph is no graph to Netron either.
    broken = results.parent / f"{name}.onnx"
    broken.write_bytes(graph(results, name).read_bytes()[:-100])
    failed = subprocess.run([*command[:-1], str(broken)], capture_output=True, check=False)
    assert failed.returncode != 0


def test_onnxs_reference_gives_the_samples_outputs(results: Path) -> None:
    evaluator = ReferenceEvaluator(str(graph(results, "fp32")))
    for name in SAMPLES:
        image, expected = sample(results, name)
        (found,) = evaluator.run(None, {evaluator.input_names[0]: image})
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected))


def test_onnxs_test_runner_passes(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(results / "onnx/fp32", tmp_path / "real/test_fp32")
    outcome = run_onnx_tests(tmp_path, monkeypatch)
    assert outcome.testsRun - len(outcome.skipped) == 1
    assert outcome.wasSuccessful(), outcome


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_what_its_runtime_reads(results: Path, engine: str) -> None:
    path = results / "engines" / engine / "engine.bin"
    if engine.startswith("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        assert len(session.get_inputs()) == len(session.get_outputs()) == 1
        return
    import openvino

    with path.open("rb") as file:
        model = openvino.Core().import_model(file.read(), "CPU")
    assert len(model.inputs) == len(model.outputs) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_masks_of_volumes_lie_over_their_images_in_nibabel_and_simpleitk(
    results: Path, engine: str
) -> None:
    masks = sorted((results / "predictions" / engine).rglob("*.nii.gz"))
    assert len(masks) == 4
    for path in masks:
        truth = results.parent / "ct" / path.relative_to(results / "predictions" / engine)
        mask, image = nibabel.load(path), nibabel.load(truth)
        np.testing.assert_allclose(mask.affine, image.affine, atol=1e-5)
        assert mask.shape == image.shape
        assert mask.header.get_xyzt_units()[0] == image.header.get_xyzt_units()[0]
        labels = np.asanyarray(mask.dataobj)
        assert np.issubdtype(labels.dtype, np.integer)
        assert set(np.unique(labels)) == {0, 1, 2}
        by_itk = SimpleITK.ReadImage(str(path))
        np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(by_itk).T, labels)
        # SimpleITK's axes point to the left and back, nibabel's to the right and front.
        spacing = np.array(by_itk.GetSpacing())
        direction = np.array(by_itk.GetDirection()).reshape(3, 3) * spacing
        turned = np.diag([-1, -1, 1])
        np.testing.assert_allclose(turned @ direction, mask.affine[:3, :3], atol=1e-5)
        np.testing.assert_allclose(turned @ by_itk.GetOrigin(), mask.affine[:3, 3], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_masks_of_pictures_open_in_pillow(of_pictures: Path, engine: str) -> None:
    masks = sorted((of_pictures / "predictions" / engine).rglob("*.png"))
    assert len(masks) == 5
    for path in masks:
        with Image.open(path) as mask:
            mask.verify()
        with Image.open(path) as mask:
            assert (mask.format, mask.mode, mask.size) == ("PNG", "L", (54, 40))
            assert set(np.unique(np.asarray(mask))) == {0, 10, 20, 30}


def test_the_summary_follows_its_schema_and_is_a_table(results: Path, project_root: Path) -> None:
    summary = json.loads((results / "summary.json").read_text("utf-8"))
    schema = yaml.safe_load(
        (project_root / "workflow/schemas/summary.schema.yaml").read_text("utf-8")
    )
    assert list(Draft202012Validator(schema).iter_errors(summary)) == []
    assert list(Draft202012Validator(schema).iter_errors({**summary, "engines": 5})) != []
    frame = pd.json_normalize(summary["engines"]).set_index("name")
    table = pd.read_csv(results / "summary.csv", index_col="name")
    assert sorted(frame.index) == sorted(table.index) == sorted(ENGINES)
    for column in ("timing.total.median", "timing.images_per_second", "quality.mean"):
        for one in (frame, table):
            assert pd.api.types.is_float_dtype(one[column])
            assert one[column].notna().all()
        np.testing.assert_allclose(table.loc[frame.index, column], frame[column], rtol=1e-9)


def test_tensors_open_with_safetensors_own_loaders(results: Path) -> None:
    from safetensors.numpy import load_file
    from safetensors.torch import load_file as load_torch

    files = sorted(results.rglob("*.safetensors"))
    assert {path.relative_to(results).parts[0] for path in files} == {
        *("answers", "reference", "tensors"),
    }
    for path in files:
        arrays, tensors = load_file(path), load_torch(path)
        assert arrays.keys() == tensors.keys() != set()
        for name, array in arrays.items():
            np.testing.assert_array_equal(tensors[name].numpy(), array)


def test_snakemakes_own_report_is_complete(results: Path, project_root: Path) -> None:
    with FastSnakemake(results.parent / "said_of_report.txt") as snakemake:
        snakemake.run(
            results.parent,
            *("--report", "report.zip", "--configfile", "settings.yaml"),
            *("--snakefile", str(project_root / "Snakefile")),
        )
    with zipfile.ZipFile(results.parent / "report.zip") as opened:
        names = [name.rsplit("/", 1)[-1] for name in opened.namelist() if "/data/raw/" in name]
        page = opened.read("report/report.html").decode()
    expected = ["report.html", "summary.json", "summary.csv", "manifest.json"]
    expected += ["engine.json"] * len(ENGINES)
    # Times, scores and verdict.
    expected += [f"{engine.partition('/')[2]}.json" for engine in ENGINES] * 3
    assert sorted(names) == sorted(expected)
    assert "inference engines proven on those images" in page
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="https?:', page)


def test_the_packages_checksums_are_those_of_sha256sum(results: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=results / "package",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    onnx.checker.check_model(results / "package/onnx/model.onnx", full_check=True)
