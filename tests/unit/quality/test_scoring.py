"""Scores on small made-up shards, whose figures follow by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from segtrt.data.shards import Shard, SliceRef, write_shard
from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.precision import Graph, Precision
from segtrt.quality.mask_shards import read_masks, write_masks
from segtrt.quality.reference_scores import read_reference_scores
from segtrt.quality.reference_scoring import score_reference
from segtrt.quality.scores import read_scores
from segtrt.quality.scoring import ShardPaths, score_engine
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
        score(self.folder, [("tensors", "reference", "masks", "engine")], **changes)
        return read_scores(self.folder / "scores.json").figures


def shard_paths(folder, *names):
    return ShardPaths(
        *(folder / name for name in names or ("tensors", "reference", "masks", "engine"))
    )


def score(folder, shards, **changes):
    """Score the reference and then the engine, both with the files of these names."""
    settings = {"threshold": 0.5, "largest_component": True, **changes}
    score_reference(
        tensor_shards=[folder / names[0] for names in shards],
        reference_shards=[folder / names[1] for names in shards],
        out_json=folder / "reference.json",
        out_masks=[folder / names[2] for names in shards],
        **settings,
    )
    score_engine(
        folder / "engine.json",
        reference_scores=folder / "reference.json",
        shards=[shard_paths(folder, *names) for names in shards],
        out_json=folder / "scores.json",
        predictions_dir=folder / "predictions",
    )


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
    a, c = scores.subjects
    assert (a.subject, a.dice, a.reference_dice, a.dice_to_reference) == (
        "a",
        0.5,
        1.0,
        0.5,
    )
    assert (c.split, c.dice) == ("calibration", 0.0)
    assert scores.dice.mean == scores.dice.median == 0.5
    assert scores.dice.dice_loss == 0.5
    assert scores.dice.reference_mean == 1.0


def test_errors_leave_calibration_slices_out_and_are_told_for_every_slice_too(two_subjects):
    scores = two_subjects.score()
    assert scores.errors.pixels == 2 * SIZE * SIZE
    assert scores.errors.flipped_pixels == 100  # 50 lost, 50 gained
    assert scores.errors_every_slice.pixels == 4 * SIZE * SIZE
    assert scores.errors_every_slice.flipped_pixels == 200
    assert [one.flipped_pixels for one in scores.slices] == [100, 0, 100, 0]


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
    assert files.score().subjects[0].dice == 1.0
    mask = np.asarray(Image.open(tmp_path / "predictions/a/a_2_mask.png"))
    assert mask[200, 200] == 0
    kept = files.score(largest_component=False).subjects[0].dice
    assert kept == pytest.approx(2 * 200 / (200 + 208))


def test_outlines_are_kept_for_slices_with_a_mask(two_subjects):
    outlines = [one.outline for one in two_subjects.score().slices]
    assert outlines[0].startswith("M")
    assert outlines[1:] == ["", "", ""]


def test_an_unsupported_engine_is_not_scored(two_subjects):
    folder = two_subjects.folder
    two_subjects.score()
    (folder / "engine").unlink()
    replace(RECORD, status="unsupported", reason="no int8 here").write(folder / "engine.json")
    score_engine(
        folder / "engine.json",
        reference_scores=folder / "reference.json",
        shards=[shard_paths(folder)],
        out_json=folder / "scores.json",
        predictions_dir=folder / "none",
    )
    scores = read_scores(folder / "scores.json")
    assert (scores.status, scores.figures) == ("unsupported", None)
    assert list((folder / "none").iterdir()) == []
    assert list(json.loads((folder / "scores.json").read_text())) == [
        *("format", "engine", "status", "threshold", "largest_component"),
    ]


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
    score(folder, [("t", "r", "m", "e"), ("tensors", "reference", "masks", "engine")])
    assert len(read_scores(folder / "scores.json").figures.subjects) == 2


def test_the_reference_is_scored_once_and_its_masks_are_kept(two_subjects):
    scores = two_subjects.score()
    folder = two_subjects.folder
    reference = read_reference_scores(folder / "reference.json")
    assert [(one.subject, one.split, one.slices, one.dice) for one in reference.subjects] == [
        ("a", "evaluation", 2, 1.0),
        ("c", "calibration", 2, 1.0),
    ]
    with Shard(folder / "masks") as shard, Shard(folder / "reference") as answers:
        expected = answers.rows("probabilities") > 0.5
        assert np.array_equal(read_masks(shard, slice(0, 4)), expected)
        assert shard.index == answers.index
    # An engine's scores take the reference's figures as they stand in its file.
    changed = replace(reference.subjects[0], dice=0.25)
    replace(reference, subjects=(changed, reference.subjects[1])).write(folder / "reference.json")
    score_engine(
        folder / "engine.json",
        reference_scores=folder / "reference.json",
        shards=[shard_paths(folder)],
        out_json=folder / "scores.json",
        predictions_dir=folder / "predictions",
    )
    again = read_scores(folder / "scores.json").figures
    assert (again.subjects[0].reference_dice, again.subjects[0].dice) == (0.25, 0.5)
    assert again.dice.dice_loss == -0.25
    assert again.errors == scores.errors


def test_masks_whose_width_is_no_multiple_of_eight_come_back(tmp_path):
    refs = index(("a", "evaluation"))
    masks = np.random.default_rng(0).integers(0, 2, (2, 5, 13)).astype(bool)
    with write_masks(tmp_path / "masks", refs, (5, 13)) as append:
        append(masks[:1])
        append(masks[1:])
    with Shard(tmp_path / "masks") as shard:
        assert np.array_equal(read_masks(shard, slice(0, 2)), masks)


def test_a_shard_without_masks_is_refused(two_subjects):
    with (
        Shard(two_subjects.folder / "reference") as shard,
        pytest.raises(SegtrtError, match="holds no masks"),
    ):
        read_masks(shard, slice(0, 1))


def test_a_subject_that_the_reference_lacks_is_named(two_subjects):
    two_subjects.score()
    path = two_subjects.folder / "reference.json"
    reference = read_reference_scores(path)
    replace(reference, subjects=reference.subjects[1:]).write(path)
    with pytest.raises(SegtrtError, match="lack subject a"):
        score_engine(
            two_subjects.folder / "engine.json",
            reference_scores=path,
            shards=[shard_paths(two_subjects.folder)],
            out_json=two_subjects.folder / "scores.json",
            predictions_dir=two_subjects.folder / "predictions",
        )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reference_that_is_not_finite_is_refused_with_its_slice(two_subjects, value):
    folder = two_subjects.folder
    two_subjects.score()
    (folder / "scores.json").unlink()
    reference = np.zeros((4, SIZE, SIZE), np.float32)
    reference[3, 7, :5] = value
    two_subjects.write("reference", index(("a", "evaluation"), ("c", "calibration")), reference)
    told = r"reference, slice 2 of c .*5 values are infinite or not numbers.*check model\.weights"
    with pytest.raises(SegtrtError, match=told):
        score_engine(
            folder / "engine.json",
            reference_scores=folder / "reference.json",
            shards=[shard_paths(folder)],
            out_json=folder / "scores.json",
            predictions_dir=folder / "predictions",
        )
    assert not (folder / "scores.json").exists()
    (folder / "reference.json").unlink()
    with pytest.raises(SegtrtError, match=told):
        two_subjects.score()
    assert not (folder / "reference.json").exists()


def test_values_of_the_engine_that_are_not_finite_are_counted_and_told(two_subjects, caplog):
    engine = np.zeros((4, SIZE, SIZE), np.float32)
    engine[1, :2, :2] = np.nan
    two_subjects.write("engine", index(("a", "evaluation"), ("c", "calibration")), engine)
    assert two_subjects.score().errors.non_finite == 4
    assert "slice 2 of a (of 1 such slices): 4 values are infinite or not numbers" in caplog.text
