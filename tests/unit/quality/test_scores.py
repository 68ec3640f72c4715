"""Scores on small made-up shards, whose figures follow by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from segtrt.data.shards import SliceRef, write_shard
from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.precision import Graph, Precision
from segtrt.quality.scores import read_scores, score_engine
from segtrt.runtimes.base import BuildSettings

SIZE = 256
RECORD = EngineRecord(
    runtime="onnxruntime",
    settings=BuildSettings(batch_size=4, precision=Precision.INT8),
    graph=Graph.INT8,
    status="built",
    graph_sha256="0" * 64,
    target={},
    code="0" * 64,
    engine_sha256="0" * 64,
    engine_bytes=0,
    build_ms=1.0,
)


def square(top, left, side, value=1.0):
    image = np.zeros((SIZE, SIZE), np.float32)
    image[top : top + side, left : left + side] = value
    return image


def index(*subjects, slices=2):
    """Refs of `slices` slices for each (name, split)."""
    return [SliceRef(name, n + 1, split) for name, split in subjects for n in range(slices)]


class Files:
    """One shard's three files and the record, and where the results go."""

    def __init__(self, folder, refs, truth, reference, engine):
        self.folder = folder
        tensors, metadata = {"masks": ("U8", (SIZE, SIZE))}, {"normalisation": "slice"}
        with write_shard(folder / "tensors", tensors, refs, metadata) as writer:
            writer.append("masks", np.array(truth, np.uint8))
        self.write("reference", refs, reference)
        self.write("engine", refs, engine)
        RECORD.write(folder / "engine.json")

    def write(self, name, refs, probabilities):
        kind = {"probabilities": ("F32", (SIZE, SIZE))}
        with write_shard(self.folder / name, kind, refs) as writer:
            writer.append("probabilities", np.array(probabilities, np.float32))

    def score(self, **changes):
        settings = {"threshold": 0.5, "largest_component": True, **changes}
        score_engine(
            self.folder / "engine.json",
            tensor_shards=[self.folder / "tensors"],
            reference_shards=[self.folder / "reference"],
            probability_shards=[self.folder / "engine"],
            out_json=self.folder / "scores.json",
            predictions_dir=self.folder / "predictions",
            **settings,
        )
        return read_scores(self.folder / "scores.json")


@pytest.fixture
def two_subjects(tmp_path):
    """`a` is evaluated: its engine shifts the lesion by half; `c` calibrates and is all wrong."""
    empty = square(0, 0, 0)
    return Files(
        tmp_path,
        index(("a", "evaluation"), ("c", "calibration")),
        truth=[square(10, 10, 10), empty, square(50, 50, 10), empty],
        reference=[square(10, 10, 10), empty, square(50, 50, 10), empty],
        engine=[square(10, 15, 10, 0.9), empty, empty, empty],
    )


def test_dice_is_told_per_subject_and_averaged_over_evaluation_subjects(two_subjects):
    scores = two_subjects.score()
    a, c = scores["subjects"]
    assert (a["subject"], a["dice"], a["reference_dice"], a["dice_to_reference"]) == (
        "a",
        0.5,
        1.0,
        0.5,
    )
    assert (c["split"], c["dice"]) == ("calibration", 0.0)
    assert scores["dice"]["mean"] == scores["dice"]["median"] == 0.5
    assert scores["dice"]["dice_loss"] == 0.5
    assert scores["dice"]["reference_mean"] == 1.0


def test_errors_leave_calibration_slices_out_and_are_told_for_every_slice_too(two_subjects):
    scores = two_subjects.score()
    assert scores["errors"]["pixels"] == 2 * SIZE * SIZE
    assert scores["errors"]["flipped_pixels"] == 100  # 50 lost, 50 gained
    assert scores["errors_every_slice"]["pixels"] == 4 * SIZE * SIZE
    assert scores["errors_every_slice"]["flipped_pixels"] == 200
    assert [one["flipped_pixels"] for one in scores["slices"]] == [100, 0, 100, 0]


def test_masks_are_written_in_the_data_sets_layout(two_subjects):
    two_subjects.score()
    path = two_subjects.folder / "predictions/a/a_1_mask.png"
    mask = np.asarray(Image.open(path))
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, square(10, 15, 10, 255))
    assert len(list((two_subjects.folder / "predictions").rglob("*.png"))) == 4


def test_only_the_largest_component_of_the_volume_counts(tmp_path):
    speck = square(10, 10, 10) + square(200, 200, 2)
    files = Files(
        tmp_path,
        index(("a", "evaluation")),
        truth=[square(10, 10, 10), square(10, 10, 10)],
        reference=[square(10, 10, 10)] * 2,
        engine=[speck, speck],
    )
    assert files.score()["subjects"][0]["dice"] == 1.0
    mask = np.asarray(Image.open(tmp_path / "predictions/a/a_2_mask.png"))
    assert mask[200, 200] == 0
    kept = files.score(largest_component=False)["subjects"][0]["dice"]
    assert kept == pytest.approx(2 * 200 / (200 + 208))


def test_outlines_are_kept_for_slices_with_a_mask(two_subjects):
    outlines = [one["outline"] for one in two_subjects.score()["slices"]]
    assert outlines[0].startswith("M")
    assert outlines[1:] == ["", "", ""]


def test_an_unsupported_engine_is_not_scored(tmp_path):
    record = replace(RECORD, status="unsupported", reason="no int8 here")
    record.write(tmp_path / "engine.json")
    score_engine(
        tmp_path / "engine.json",
        tensor_shards=[tmp_path / "none"],
        reference_shards=[tmp_path / "none"],
        probability_shards=[tmp_path / "none"],
        out_json=tmp_path / "scores.json",
        predictions_dir=tmp_path / "predictions",
        threshold=0.5,
        largest_component=True,
    )
    assert read_scores(tmp_path / "scores.json")["status"] == "unsupported"
    assert list((tmp_path / "predictions").iterdir()) == []


def test_shards_of_other_slices_are_refused(two_subjects):
    refs = index(("a", "evaluation"), ("b", "evaluation"))
    two_subjects.write("engine", refs, np.zeros((4, SIZE, SIZE)))
    with pytest.raises(SegtrtError, match="does not hold the slices of"):
        two_subjects.score()


def test_without_an_evaluation_subject_there_is_nothing_to_score(tmp_path):
    blank = [square(0, 0, 0)] * 2
    files = Files(tmp_path, index(("c", "calibration")), blank, blank, blank)
    with pytest.raises(SegtrtError, match=r"lower dataset\.calibration_fraction"):
        files.score()


def test_an_empty_shard_adds_nothing(two_subjects):
    folder = two_subjects.folder
    for name, kind in (("t", "U8"), ("r", "F32"), ("e", "F32")):
        tensor = "masks" if name == "t" else "probabilities"
        with write_shard(folder / name, {tensor: (kind, (SIZE, SIZE))}, []):
            pass
    score_engine(
        folder / "engine.json",
        tensor_shards=[folder / "t", folder / "tensors"],
        reference_shards=[folder / "r", folder / "reference"],
        probability_shards=[folder / "e", folder / "engine"],
        out_json=folder / "scores.json",
        predictions_dir=folder / "predictions",
        threshold=0.5,
        largest_component=True,
    )
    assert len(read_scores(folder / "scores.json")["subjects"]) == 2


def test_a_file_of_another_format_is_refused(tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(SegtrtError, match="segtrt-scores-1 expected"):
        read_scores(tmp_path / "scores.json")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reference_that_is_not_finite_is_refused_with_its_slice(two_subjects, value):
    reference = np.zeros((4, SIZE, SIZE), np.float32)
    reference[3, 7, :5] = value
    two_subjects.write("reference", index(("a", "evaluation"), ("c", "calibration")), reference)
    told = r"reference, slice 2 of c .*5 values are infinite or not numbers.*check model\.weights"
    with pytest.raises(SegtrtError, match=told):
        two_subjects.score()
    assert not (two_subjects.folder / "scores.json").exists()


def test_values_of_the_engine_that_are_not_finite_are_counted_and_told(two_subjects, caplog):
    engine = np.zeros((4, SIZE, SIZE), np.float32)
    engine[1, :2, :2] = np.nan
    two_subjects.write("engine", index(("a", "evaluation"), ("c", "calibration")), engine)
    assert two_subjects.score()["errors"]["non_finite"] == 4
    assert "slice 2 of a (of 1 such slices): 4 values are infinite or not numbers" in caplog.text
