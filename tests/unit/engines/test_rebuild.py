"""Engines built once more: what is compared, and that a build leaves nothing but figures."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image
from prepared_shards import FORM
from proven_engine import prove, spec_of
from segtrt.data.prepared import Prepared
from segtrt.engines.budget import TimingBudget
from segtrt.engines.rebuild import Conditions, EngineFile, rebuild_engine
from segtrt.engines.rebuild_file import Built, Rebuild, read_rebuild
from segtrt.engines.record import read_record
from segtrt.errors import SegtrtError
from segtrt.quality.answers import Answers
from segtrt.quality.rebuild_scores import read_rebuild_scores
from segtrt.quality.rebuild_scoring import score_rebuild
from segtrt.quality.scores import read_scores
from segtrt.runtimes.base import BuildResult, BuildSettings, UnsupportedError
from segtrt.runtimes.openvino.runtime import OpenVino
from segtrt.runtimes.registry import get_runtime

DEMO = Path(__file__).resolve().parents[3] / "data/demo/kaggle_3m"
SUBJECTS = ("DEMO_0001", "DEMO_0002", "DEMO_0003")
CONDITIONS = Conditions(
    {"decide": None, "ignored": None}, 2**30, TimingBudget(3, 0.1, 0), threads=1, mode="stream"
)


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an engine that was proven on two slices each of three subjects."""
    folder = tmp_path_factory.mktemp("proven")
    # A truth that any network finds some of: half of each image.
    half = np.zeros((256, 256), np.uint8)
    half[:, :128] = 255
    for subject in SUBJECTS:
        own = folder / "images" / subject
        own.mkdir(parents=True)
        for number in (8, 9):
            shutil.copy(DEMO / subject / f"{subject}_{number}.tif", own)
            Image.fromarray(half).save(own / f"{subject}_{number}_mask.tif")
    prove(folder, folder / "images", FORM, spec_of(3), runtime="openvino")
    return folder


def rebuild(proven: Path, out: Path, conditions: Conditions = CONDITIONS) -> Rebuild:
    """Build the engine again; the figures are in `out`, the labels beside them."""
    results = proven / "results"
    rebuild_engine(
        EngineFile.within(results / "engines/openvino/b2_fp32"),
        proven / "model.onnx",
        [results / "tensors"],
        out / "rebuild.json",
        [out / "labels"],
        target=get_runtime("openvino").target(),
        code="f" * 64,
        conditions=conditions,
    )
    return read_rebuild(out / "rebuild.json")


def built(made: Rebuild) -> Built:
    assert made.built is not None
    return made.built


@pytest.fixture
def straying(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A builder that gives other weights each time, as one that chooses other kernels does."""
    plain, rng = OpenVino.build, np.random.default_rng(1)

    def build(
        self: OpenVino, graph: Path, settings: BuildSettings, cache_dir: Path | None
    ) -> BuildResult:
        model = onnx.load(graph)
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            noisy = values * (1 + 0.05 * rng.standard_normal(values.shape))
            tensor.CopyFrom(numpy_helper.from_array(noisy.astype(np.float32), tensor.name))
        other = tmp_path / "other.onnx"
        onnx.save(model, other)
        return plain(self, other, settings, cache_dir)

    monkeypatch.setattr(OpenVino, "build", build)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A builder that gives up."""

    def build(*_: object) -> BuildResult:
        raise UnsupportedError("no kernel was found\nthis time")

    monkeypatch.setattr(OpenVino, "build", build)


def test_a_builder_that_repeats_itself_gives_the_proven_engine(
    proven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches: list[Path | None] = []
    plain = OpenVino.build

    def build(
        self: OpenVino, graph: Path, settings: BuildSettings, cache_dir: Path | None
    ) -> BuildResult:
        caches.append(cache_dir)
        return plain(self, graph, settings, cache_dir)

    monkeypatch.setattr(OpenVino, "build", build)
    made = rebuild(proven, tmp_path)
    record = read_record(proven / "results/engines/openvino/b2_fp32/engine.json")
    assert caches == [None]
    assert (made.engine, made.reason) == ("openvino/b2_fp32", "")
    assert made.proven_sha256 == built(made).engine_sha256 == record.engine_sha256
    assert built(made).same_bytes
    errors = built(made).errors
    assert built(made).equal_patches == errors.patches > 0
    assert (errors.flipped_pixels, errors.relative_l2, errors.max_abs_error) == (0, 0, 0)
    assert built(made).latency.median_ms > 0 and built(made).proven_latency.median_ms > 0
    assert {path.name for path in tmp_path.iterdir()} == {"rebuild.json", "labels"}


def test_another_build_is_held_against_the_proven_one(
    proven: Path, tmp_path: Path, straying: None
) -> None:
    del straying
    made = rebuild(proven, tmp_path)
    with (
        Prepared(proven / "results/tensors") as shard,
        Answers(proven / "results/answers") as expected,
        Answers(tmp_path / "labels") as found,
    ):
        own = [n for n, item in enumerate(shard.items) if item.split == "evaluation"]
        labels = [
            (expected.labels(n, shard.items[n]), found.labels(n, shard.items[n])) for n in own
        ]
    flips = sum(int((one != other).sum()) for one, other in labels)
    assert 0 < len(own) < len(SUBJECTS) * 2
    errors = built(made).errors
    assert (errors.flipped_pixels, errors.pixels) == (flips, len(own) * 256**2)
    assert flips > 0
    assert errors.patches == len(own)
    assert 0 < errors.relative_l2 < 0.5
    assert not built(made).same_bytes
    assert built(made).equal_patches == 0
    assert built(made).engine_sha256 != built(rebuild(proven, tmp_path / "again")).engine_sha256


def test_labels_alone_are_kept(proven: Path, tmp_path: Path) -> None:
    rebuild(proven, tmp_path)
    with Answers(proven / "results/answers") as expected, Answers(tmp_path / "labels") as found:
        assert found.rows == () and found.outputs().shape == (0, 1, 256, 256)
        assert found.decoder == expected.decoder
        assert found.non_finite == expected.non_finite
    size = (tmp_path / "labels").stat().st_size
    assert size < len(SUBJECTS) * 2 * 256**2 / 8 + 4000


def test_a_small_budget_compares_outputs_of_some(proven: Path, tmp_path: Path) -> None:
    made = rebuild(proven, tmp_path, replace(CONDITIONS, raw_bytes=1))
    assert built(made).errors.patches == built(made).equal_patches == 1


def test_a_build_that_is_refused_is_an_outcome(
    proven: Path, tmp_path: Path, refusing: None
) -> None:
    del refusing
    made = rebuild(proven, tmp_path)
    assert (made.built, made.reason) == (None, "no kernel was found this time")
    with Answers(tmp_path / "labels") as found:
        assert (found.status, found.reason) == ("unsupported", made.reason)
    assert score(proven, tmp_path) is None


def test_an_engine_that_there_is_not_is_not_built_again(
    proven: Path, tmp_path: Path, refusing: None
) -> None:
    del refusing
    copy = tmp_path / "copy"
    shutil.copytree(proven, copy)
    folder = copy / "results/engines/openvino/b2_fp32"
    record = read_record(folder / "engine.json")
    replace(record, status="unsupported", reason="no such thing").write(folder / "engine.json")
    made = rebuild(copy, tmp_path / "out")
    assert (made.built, made.reason) == (None, "no such thing")


def test_another_machine_is_refused(proven: Path, tmp_path: Path) -> None:
    results = proven / "results"
    with pytest.raises(SegtrtError, match="another machine than it was planned for: cpu is"):
        rebuild_engine(
            EngineFile.within(results / "engines/openvino/b2_fp32"),
            proven / "model.onnx",
            [results / "tensors"],
            tmp_path / "rebuild.json",
            [tmp_path / "labels"],
            target={**get_runtime("openvino").target(), "cpu": "another"},
            code="f" * 64,
            conditions=CONDITIONS,
        )
    assert list(tmp_path.iterdir()) == []


def score(proven: Path, out: Path) -> object:
    """The metric of a rebuild's labels."""
    score_rebuild(
        out / "rebuild.json",
        [(proven / "results/tensors", out / "labels")],
        reference_scores=proven / "results/reference.json",
        metric="dice",
        out_json=out / "scores.json",
    )
    return read_rebuild_scores(out / "scores.json").quality


def test_labels_are_scored_as_the_proven_engines_are(proven: Path, tmp_path: Path) -> None:
    rebuild(proven, tmp_path)
    figures = read_scores(proven / "results/scores.json").figures
    assert figures is not None and figures.quality is not None
    assert figures.quality.mean > 0
    assert score(proven, tmp_path) == figures.quality


def test_other_labels_have_other_scores(proven: Path, tmp_path: Path, straying: None) -> None:
    del straying
    rebuild(proven, tmp_path)
    figures = read_scores(proven / "results/scores.json").figures
    found = score(proven, tmp_path)
    assert figures is not None and found is not None and found != figures.quality
