"""Every precision of one matrix: graphs, engines and masks of one run with a store."""

import hashlib
import json
import os
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from PIL import Image
from safetensors import safe_open
from segtrt.config.resolve import resolve_config
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings, Runtime
from snakemake_runs import run_snakemake

BATCH = 4

PRECISIONS = tuple(
    precision
    for precision in Precision
    # OpenVINO is what graphs in bf16 are proven in; mixes have a test of their own.
    if not precision.is_mix and (precision is not Precision.BF16 or find_spec("openvino"))
)

NARROW = {
    Precision.FP16: TensorProto.FLOAT16,
    Precision.BF16: TensorProto.BFLOAT16,
    Precision.INT8: TensorProto.INT8,
    Precision.FP8: TensorProto.FLOAT8E4M3FN,
}
"""The type that a graph of a precision has beside float32, and no other graph has."""


class Run(NamedTuple):
    """A run that has ended."""

    results: Path
    store: Path
    images: Path
    """The data set's folder."""


class Masks(NamedTuple):
    """What a network or engine says, and the truth, patch by patch in the data set's order."""

    subjects: list[str]
    evaluation: NDArray[np.bool_]
    """(patches,), False for those that calibrate."""
    outputs: NDArray[np.float32]
    """(patches, 1, height, width) probabilities."""


@pytest.fixture(scope="module")
def run(runtime: Runtime, project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All precisions in an empty folder, with an empty store; answers are kept to look at."""
    folder = tmp_path_factory.mktemp("matrix")
    real = os.environ.get("SEGTRT_KAGGLE_DIR")
    data = "subjects: [DEMO_0001, DEMO_0002, DEMO_0003]"
    if real:
        data = f"source: path, path: {json.dumps(str(Path(real).resolve()))}"
    done = run_snakemake(
        folder,
        "results/report.html",
        "--notemp",
        "--config",
        f"dataset={{{data}}}",
        f"engines={{runtimes: [{runtime.name}], batch_sizes: [{BATCH}], "
        f"precisions: [{', '.join(PRECISIONS)}], on_unsupported: skip}}",
        "inference={iterations: 5, max_seconds: 0.2, warmup_max_seconds: 0.1}",
        snakefile=project_root / "Snakefile",
        store=folder / "store",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    images = Path(real) if real else project_root / "data/demo/kaggle_3m"
    return Run(folder / "results", folder / "store", images)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def record(run: Run, runtime: Runtime, precision: Precision) -> dict[str, Any]:
    return read(run.results / f"engines/{runtime.name}/b{BATCH}_{precision}/engine.json")


def obstacle(runtime: Runtime, precision: Precision) -> str | None:
    """Why this GPU cannot have such an engine, known without a run; such engines are left out."""
    return runtime.unsupported(BuildSettings(batch_size=BATCH, precision=precision))


def matrix(runtime: Runtime) -> list[Precision]:
    return [precision for precision in PRECISIONS if not obstacle(runtime, precision)]


def needs_engine(run: Run, runtime: Runtime, precision: Precision) -> None:
    """Skip the test where there is no engine."""
    if reason := obstacle(runtime, precision) or record(run, runtime, precision)["reason"]:
        pytest.skip(reason)


def answers(run: Run, path: str) -> Masks:
    """Raw outputs of all patches, read without the library."""
    with safe_open(run.results / "tensors/shard_00.safetensors", framework="numpy") as shard:
        items = json.loads(shard.metadata()["items"])
    with safe_open(run.results / path, framework="numpy") as shard:
        outputs = shard.get_tensor("outputs")
        assert json.loads(shard.metadata()["rows"]) == list(range(len(items)))
    return Masks(
        [item["subject"] for item in items],
        np.array([item["split"] == "evaluation" for item in items]),
        outputs,
    )


def dice_by_subject(run: Run, engine: str) -> dict[str, float]:
    """Dice of the masks that a user gets, each subject's over all its slices."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for path in sorted((run.results / f"predictions/{engine}").rglob("*_mask.tif")):
        with Image.open(path) as mask:
            found = np.asarray(mask) > 0
        with Image.open(run.images / path.parent.name / path.name) as mask:
            truth = np.asarray(mask) > 0
        counts[path.parent.name][0] += 2 * int((found & truth).sum())
        counts[path.parent.name][1] += int(found.sum() + truth.sum())
    return {name: both / total for name, (both, total) in counts.items() if total}


def test_each_graph_is_a_file_of_its_own_and_holds_its_types(run: Run, runtime: Runtime) -> None:
    paths: dict[Precision, Path] = {
        precision: run.results / f"onnx/{runtime.graph(precision)}/model.onnx"
        for precision in matrix(runtime)
        if precision is not Precision.TF32
    }
    hashes = {precision: digest(path) for precision, path in paths.items()}
    assert len(set(hashes.values())) == len(hashes)
    # TF32 is a mode of the float32 graph.
    for precision in matrix(runtime):
        own = Precision.FP32 if precision is Precision.TF32 else precision
        assert record(run, runtime, precision)["graph_sha256"] == hashes[own]
    stored = {digest(path) for path in run.store.rglob("*") if path.is_file()}
    assert set(hashes.values()) <= stored
    for precision, path in paths.items():
        graph = onnx.load(path).graph
        types = {tensor.data_type for tensor in graph.initializer}
        types |= {value.type.tensor_type.elem_type for value in graph.value_info}
        narrow = {NARROW[precision]} if precision in NARROW else set()
        assert types & set(NARROW.values()) == narrow, precision


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_engine_proves_its_own_precision_or_is_refused_in_one_line(
    run: Run, runtime: Runtime, precision: Precision
) -> None:
    if reason := obstacle(runtime, precision):
        assert not (run.results / f"engines/{runtime.name}/b{BATCH}_{precision}").exists()
        pytest.skip(reason)
    found = record(run, runtime, precision)
    if found["status"] == "unsupported":
        # Which GPUs have quantised convolutions in which TensorRT shows when an engine is built.
        assert precision.is_quantised
        assert found["reason"]
        assert "\n" not in found["reason"]
        verdict = read(run.results / f"validation/{runtime.name}/b{BATCH}_{precision}.json")
        assert (verdict["verdict"], verdict["reason"]) == ("skipped", found["reason"])
        pytest.skip(found["reason"])
    work: dict[str, float] = defaultdict(float)
    for layer in found["layers"]:
        if "conv" in layer["kind"].lower() and layer["dtype"] != "other":
            work[layer["dtype"]] += layer["flops"] or 0.0
    # The inspector shows layers with the type of their tensors: TF32 as fp32.
    own = {"fp32", "tf32"} if precision is Precision.TF32 else {str(precision)}
    assert set(work) <= own | {"fp32"}
    assert sum(work[dtype] for dtype in own & set(work)) >= 0.5 * sum(work.values()) > 0


def test_no_two_engines_give_the_same_answers(run: Run, runtime: Runtime) -> None:
    """Equality would mean that one engine was taken for another."""
    made = [p for p in matrix(runtime) if record(run, runtime, p)["status"] == "built"]
    assert Precision.FP32 in made
    assert len({record(run, runtime, p)["engine_sha256"] for p in made}) == len(made)
    outputs = {
        p: answers(run, f"answers/{runtime.name}/b{BATCH}_{p}/shard_00.safetensors").outputs
        for p in made
    }
    assert len({values.tobytes() for values in outputs.values()}) == len(made)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_masks_agree_with_the_reference_or_the_report_says_why_not(
    run: Run, runtime: Runtime, precision: Precision
) -> None:
    needs_engine(run, runtime, precision)
    engine = f"{runtime.name}/b{BATCH}_{precision}"
    limits = resolve_config({}).validation.tolerances[precision]
    expected = answers(run, "reference/shard_00.safetensors")
    found = answers(run, f"answers/{engine}/shard_00.safetensors")
    want = expected.outputs[expected.evaluation].astype(np.float64)
    have = found.outputs[found.evaluation].astype(np.float64)
    assert np.isfinite(found.outputs).all()
    # The demo's network and the published one find something everywhere here.
    assert (want > 0.5).sum() > 1000

    scores = read(run.results / f"scores/{engine}.json")
    evaluated = [each for each in scores["subjects"] if each["split"] == "evaluation"]
    dice = dice_by_subject(run, engine)
    assert {each["subject"] for each in evaluated} <= set(expected.subjects)
    for each in evaluated:
        assert each["figure"] == pytest.approx(dice[each["subject"]], rel=1e-6)
    figures = {
        "flipped_fraction": np.mean((want > 0.5) != (have > 0.5)),
        "relative_rms": np.sqrt(np.mean((have - want) ** 2)) / want.std(),
        "metric_loss": np.mean(
            [each["reference_figure"] - dice[each["subject"]] for each in evaluated]
        ),
        "max_abs_error": np.abs(found.outputs - expected.outputs).max(),
    }
    over = {
        name for name, limit in limits.items() if limit is not None and not figures[name] <= limit
    }
    verdict = read(run.results / f"validation/{engine}.json")
    assert {failure["figure"] for failure in verdict["failures"]} == over
    assert verdict["verdict"] == ("fail" if over else "pass")
    (reported,) = (
        each for each in read(run.results / "summary.json")["engines"] if each["name"] == engine
    )
    assert (reported["verdict"], reported["failures"]) == (verdict["verdict"], verdict["failures"])
    # Dice can hang on a few pixels, where two components of a subject are almost of one size. What
    # flips ten times the pixels that are allowed is another network.
    assert figures["flipped_fraction"] <= 10 * limits["flipped_fraction"]
    if precision is Precision.FP32:
        assert not over
